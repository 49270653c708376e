import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Member, Request, Topology } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import { observe, type Reading, type Watch } from '../../../src/core/watch.ts';
import { aRequest, someFacts } from '../../support/documents.ts';
import {
  A,
  B,
  cluster,
  link,
  look,
  refused,
  situation,
  stable,
  up,
  writerDead,
} from '../../support/world.ts';

const NOW = 1_000_000;
const asked = (over: Partial<Request>): Request => aRequest({ id: 'r1', to: null, by: 'dba@host', ...over });
const offline = (over: Partial<Request> = {}) => asked({ verb: 'set_offline', member: B, ...over });
const online = (over: Partial<Request> = {}) => asked({ verb: 'set_online', member: B, ...over });

function withB(fields: Partial<Member>, over: Partial<Topology> = {}): Topology {
  const [a, b] = stable().members;
  return stable({ members: [a, { ...b, ...fields }] as Member[], ...over });
}
const inMaintenance = (untilMs: number | null = null) =>
  withB({ state: 'maintenance', maintenance: { by: 'dba@host', untilMs } });

/** B as the change leaves it. */
const b = (s: Situation) => decide(s).change?.next.members.find((m) => m.address === B);
const answer = (s: Situation) => {
  const { change, answers } = decide(s);
  return (change?.answers ?? answers)?.[0];
};

describe('set_offline', () => {
  it('takes a standby out of service, and says who did it and until when', () => {
    const s = situation({ requests: [offline({ forMs: 60_000 })] });
    expect(b(s)).toEqual({
      address: B,
      role: 'standby',
      kind: 'master',
      state: 'maintenance',
      maintenance: { by: 'dba@host', untilMs: NOW + 60_000 },
    });
    expect(decide(s).change).toMatchObject({ takes: 'r1', events: [{ kind: 'set_offline', from: B }] });
    expect(answer(s)).toMatchObject({ ok: true, detail: expect.stringContaining('Nobody could take over') });
  });

  it('leaves the writer alone', () => {
    const s = situation({ requests: [offline({ member: A })] });
    expect(decide(s).change).toBeUndefined();
    expect(answer(s)).toMatchObject({ ok: false, detail: `${A} is the writer: switch over first` });
  });

  it('is refused during a handover, and for a diverged member', () => {
    const closing = stable({ phase: 'closing', writer: null, from: A, to: B, generation: 43 });
    expect(answer(situation({ topology: closing, requests: [offline()] }))).toMatchObject({ ok: false });
    const diverged = withB({ state: 'diverged', extra: { count: 1, list: '0-2-51' } });
    expect(answer(situation({ topology: diverged, requests: [offline()] }))).toMatchObject({ ok: false });
  });

  it('keeps a member from being made the writer, by a crash or by hand', () => {
    const dead = decide(writerDead(refused(900), { topology: inMaintenance() }));
    expect(dead.change).toBeUndefined();
    expect(dead.says).toContain(`${B} is in maintenance by dba@host`);
    const switchover = situation({
      topology: inMaintenance(),
      requests: [asked({ verb: 'switchover', to: B })],
    });
    expect(answer(switchover)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('set_online first'),
    });
    const forced = asked({ verb: 'failover', to: B, force: true, acceptLoss: true });
    expect(answer(writerDead(refused(900), { topology: inMaintenance(), requests: [forced] }))).toMatchObject(
      {
        ok: false,
      },
    );
  });

  it('leaves its state and its links alone whatever becomes of it', () => {
    const stopped = look(B, A, { links: [link(A, { io: 'no', sql: 'no' })] });
    for (const health of [refused(60_000), up(stopped)]) {
      const s = situation({
        topology: inMaintenance(),
        health: new Map([
          [A, up(look(A, B, { readOnly: false }))],
          [B, health],
        ]),
        brokenMs: new Map([[B, 60_000]]),
      });
      expect(decide(s).change).toBeUndefined();
    }
  });

  it('ends by the clock of Redis', () => {
    expect(decide(situation({ topology: inMaintenance(NOW + 1) })).change).toBeUndefined();
    const over = situation({ topology: inMaintenance(NOW) });
    expect(b(over)).toEqual({ address: B, role: 'standby', kind: 'master', state: 'unknown' });
    expect(decide(over).change?.events[0]).toMatchObject({ kind: 'set_online', from: B });
  });
});

describe('set_online', () => {
  it('brings a member back, which is judged afresh', () => {
    const s = situation({ topology: inMaintenance(), requests: [online()] });
    expect(b(s)).toEqual({ address: B, role: 'standby', kind: 'master', state: 'unknown' });
    const next = decide(s).change?.next;
    expect(b(situation({ topology: next ?? null }))?.state).toBe('online');
  });

  it('forgets the outages of one that flaps', () => {
    const flapping = withB({ state: 'flapping' });
    const { next } = decide(situation({ topology: flapping, requests: [online()] })).change ?? {};
    const reading = (topology: Topology | undefined): Reading => ({
      topology: topology ?? null,
      facts: [someFacts()],
      agents: [],
      sidecars: [],
      requests: [],
      legacyWriter: A,
      incarnation: 'run1',
      lease: null,
      redisNowMs: NOW,
    });
    let watch: Watch | null = null;
    const at = (nowMs: number, topology: Topology | undefined): Situation => {
      const seen = observe(watch, reading(topology), { cluster, floor: 0, nowMs });
      watch = seen.watch;
      return seen.situation;
    };
    expect(at(0, flapping).outages.get(B)).toBe(3);
    expect(at(300, next).outages.get(B)).toBe(0);
  });

  it('does not make a diverged member whole by saying so', () => {
    const diverged = withB({ state: 'diverged', extra: { count: 1, list: '0-2-51' } });
    const s = situation({ topology: diverged, requests: [online()] });
    expect(decide(s).change).toBeUndefined();
    expect(answer(s)).toMatchObject({ ok: false, detail: expect.stringContaining('must be rebuilt') });
  });
});

describe('pause', () => {
  it('ends by itself, by the clock of Redis', () => {
    const s = situation({ requests: [asked({ verb: 'pause', forMs: 5000 })] });
    expect(decide(s).change?.next.paused).toEqual({ by: 'dba@host', untilMs: NOW + 5000 });
    const paused = stable({ paused: { by: 'dba@host', untilMs: NOW + 5000 } });
    const dead = (redisNowMs: number) => writerDead(refused(900), { topology: paused, redisNowMs });
    expect(decide(dead(NOW + 4999)).change).toBeUndefined();
    expect(decide(dead(NOW + 5000)).change?.next).toMatchObject({ paused: null, generation: 42 });
  });

  it('may be asked for again, for longer', () => {
    const paused = stable({ paused: { by: 'dba@host', untilMs: NOW + 5000 } });
    const s = situation({ topology: paused, requests: [asked({ verb: 'pause', forMs: 60_000 })] });
    expect(decide(s).change?.next.paused?.untilMs).toBe(NOW + 60_000);
  });
});
