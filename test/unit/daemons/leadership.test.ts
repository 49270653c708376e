import { describe, expect, it } from 'vitest';
import type { Leader } from '../../../src/core/model.ts';
import { createLeadership } from '../../../src/daemons/leadership.ts';
import type { Clock, Log } from '../../../src/ports.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';

const S = '8d9a4b2924dc40baa792d742cb786345';
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

function site() {
  let nowMs = 10_000;
  const clock: Clock = { now: () => nowMs, epochMs: () => nowMs, sleep: async () => undefined };
  const hub = createMemoryHub();
  const questions: Leader['id'][] = [];
  const counted = {
    ...hub,
    lead: (sign: string, id: string, from: number | null) => {
      questions.push(id);
      return hub.lead(sign, id, from);
    },
  };
  const make = (id: string) => createLeadership({ id, uniqsign: S, hub: counted, clock, log });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { make, questions, pass };
}

describe('several mmm-identify', () => {
  it('the first one leads and says so again only every 300 ms, the second one watches', async () => {
    const { make, questions, pass } = site();
    const [first, second] = [make('one'), make('two')];
    expect(await first.check()).toEqual({ leads: true, isNew: true });
    expect(await second.check()).toEqual({ leads: false, isNew: false });
    pass(299);
    expect(await first.check()).toEqual({ leads: true, isNew: false });
    expect(questions).toEqual(['one', 'two']);
    pass(1);
    await first.check();
    expect(questions).toEqual(['one', 'two', 'one']);
  });

  it('the lead is taken over when the counter has stood still for 1.5 s before our own eyes', async () => {
    const { make, pass } = site();
    const [first, second] = [make('one'), make('two')];
    await first.check();
    for (let ms = 0; ms < 1500; ms += 300) {
      expect(await second.check()).toEqual({ leads: false, isNew: false });
      pass(300);
    }
    expect(await second.check()).toEqual({ leads: true, isNew: true });
    pass(300);
    expect(await first.check()).toEqual({ leads: false, isNew: false });
  });

  it('a break of our own proves nothing of the leader', async () => {
    const { make, pass } = site();
    const [first, second] = [make('one'), make('two')];
    await first.check();
    await second.check();
    pass(60_000);
    expect(await second.check()).toEqual({ leads: false, isNew: false });
  });

  it('one that stops cleanly lets another one lead at once; one that only watches leaves the leader alone', async () => {
    const { make, pass } = site();
    const [first, second] = [make('one'), make('two')];
    await first.check();
    await second.check();
    await second.resign();
    pass(300);
    expect((await first.check()).leads).toBe(true);
    await first.resign();
    pass(300);
    expect(await second.check()).toEqual({ leads: true, isNew: true });
  });
});
