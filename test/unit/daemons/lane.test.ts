import { expect, test } from 'vitest';
import { createLane, type How } from '../../../src/daemons/lane.ts';
import type { Clock } from '../../../src/ports.ts';

test('failures are tried again quickly, then at rest; a success rests', async () => {
  const clock = steppedClock();
  const outcomes = [false, false, false, false, false, false, true, true];
  const fresh: boolean[] = [];
  const lane = createLane<string>({
    clock,
    restMs: () => 7_000,
    attempt: async (_job, how) => {
      fresh.push(how.fresh);
      return outcomes.shift() ?? true;
    },
  });
  await lane.want('a');
  for (let i = 0; i < 7; i++) await clock.wake();
  expect(clock.slept.slice(0, 7)).toEqual([50, 200, 1_000, 5_000, 7_000, 7_000, 7_000]);
  expect(fresh).toEqual([true, true, true, true, true, true, true, false]);
  lane.rest();
});

test('a newer job starts at once, and what is under way for the older is told', async () => {
  const clock = steppedClock();
  const seen: { readonly job: string; readonly how: How }[] = [];
  let finish: (ok: boolean) => void = () => undefined;
  const lane = createLane<string>({
    clock,
    restMs: () => 1_000,
    attempt: (job, how) => {
      seen.push({ job, how });
      return job === 'old' ? new Promise<boolean>((resolve) => (finish = resolve)) : Promise.resolve(true);
    },
  });
  const old = lane.want('old');
  await lane.want('new');
  expect(seen.map(({ job, how }) => [job, how.signal.aborted])).toEqual([
    ['old', true],
    ['new', false],
  ]);
  finish(false);
  await old;
  await clock.wake();
  expect(seen.map(({ job }) => job)).toEqual(['old', 'new', 'new']);
  lane.rest();
  await clock.wake();
  expect(seen).toHaveLength(3);
});

/** Sleeps end only when the test says so. */
function steppedClock(): Clock & { readonly slept: number[]; wake(): Promise<void> } {
  const slept: number[] = [];
  const sleepers = new Set<() => void>();
  return {
    slept,
    now: () => 0,
    epochMs: () => 0,
    sleep(ms, signal) {
      slept.push(ms);
      return new Promise((resolve) => {
        sleepers.add(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    async wake() {
      for (const resolve of sleepers) resolve();
      sleepers.clear();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
