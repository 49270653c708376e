import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Lease, MemberReport, Topology } from '../../../src/core/model.ts';
import type { Health, Situation } from '../../../src/core/situation.ts';
import { UNKNOWN } from '../../../src/core/situation.ts';
import {
  A,
  B,
  cluster,
  lease,
  link,
  look,
  policy,
  refused,
  silent,
  situation,
  stable,
  up,
  word,
  writerDead,
} from '../../support/world.ts';

const W = 6500;
const held = lease({ agent: 'agent-a', armed: true, counter: 7 });
const opened = word({
  did: 'opened',
  local: true,
  look: look(A, B, { readOnly: false }),
  startsClosed: true,
});
const standby = word({ did: 'closed', local: true, look: look(B, A) });
const strict = { ...cluster, policy: { ...policy, fencing: 'strict' as const } };

/** The handover that begins, if any: a change within the generation is none. */
function begun(s: Situation): Topology | undefined {
  const next = decide(s).change?.next;
  return next?.generation === s.topology?.generation ? undefined : next;
}

describe('a writer whose agent saw it end', () => {
  const released = (over: Parameters<typeof situation>[0] = {}) =>
    situation({ cluster: strict, lease: { ...held, released: true }, ...over });

  it('is replaced without any closing: there is nothing to wait for', () => {
    const { change, rule } = decide(released());
    expect(rule).toBe('replace a writer that its agent saw end');
    expect(change?.next).toMatchObject({
      generation: 43,
      phase: 'opening',
      kind: 'failover',
      proof: 'b',
      from: A,
      to: B,
      writer: null,
      parked: [
        { on: B, from: A },
        { on: A, from: B },
      ],
    });
    expect(change?.next.position).not.toBeNull();
    expect(change?.events.map(({ phase }) => phase)).toEqual(['closing', 'opening']);
  });

  it.each<readonly [string, Lease | null]>([
    ['of an older generation', { ...held, released: true, generation: 41 }],
    ['kept by another redis process', { ...held, released: true, incarnation: 'run0' }],
    ['of another member', { ...held, released: true, holder: B }],
    ['not released', held],
  ])('is not by a lease %s', (_, other) => {
    expect(begun(released({ lease: other, words: { [B]: standby } }))).toBeUndefined();
  });

  it('is opened again when it is back already, closed', () => {
    const closed = look(A, B);
    const s = released({
      health: new Map([
        [A, up(closed)],
        [B, up(look(B, A))],
      ]),
      words: { [A]: word({ did: 'watching', local: true, look: closed }), [B]: standby },
    });
    expect(begun(s)).toMatchObject({ kind: 'reopen', generation: 43 });
  });

  it('is not while paused, nor by a standby that is not fit', () => {
    expect(decide(released({ topology: stable({ paused: { by: 'dba', untilMs: null } }) })).says).toContain(
      'paused by dba',
    );
    const broken = new Map(situation().health).set(B, refused(500));
    expect(begun(released({ health: broken }))).toBeUndefined();
  });
});

describe('a writer that only the monitors have lost', () => {
  const lost = (health: Health, over: Parameters<typeof situation>[0] = {}) =>
    writerDead(health, {
      cluster: { ...cluster, policy: { ...policy, fencing: 'none' } },
      words: { [A]: opened, [B]: standby },
      lease: held,
      ...over,
    });

  it('stays the writer while the agent beside it says that it answers, and that is said aloud', () => {
    for (const health of [refused(60_000), silent(60_000)]) {
      const decision = decide(lost(health));
      expect(begun(lost(health))).toBeUndefined();
      expect(decision).toMatchObject({ alarm: true });
      expect(decision.says).toContain('the agent beside it says that it answers');
    }
  });

  it('is replaced when that agent does not reach it either, has gone silent, or renews no more', () => {
    const dead = word({ did: 'unreachable', local: true });
    expect(begun(lost(refused(500), { words: { [A]: dead, [B]: standby } }))?.to).toBe(B);
    expect(begun(lost(refused(500), { words: { [B]: standby } }))?.to).toBe(B);
    expect(begun(lost(refused(500), { leaseStillMs: 2000 }))?.to).toBe(B);
  });

  it('and a central agent is no such witness', () => {
    const central = { ...opened, local: false };
    expect(begun(lost(refused(500), { words: { [A]: central, [B]: standby } }))?.to).toBe(B);
  });
});

describe('a host that is cut off', () => {
  const quiet = (quietMs: number) => look(B, A, { links: [link(A, { heartbeatMs: 1000, quietMs })] });
  const cut = (over: Parameters<typeof situation>[0] = {}, quietMs = 1600) =>
    situation({
      cluster: strict,
      health: new Map([
        [A, silent(300, 1)],
        [B, up(quiet(quietMs))],
      ]),
      words: { [A]: opened, [B]: standby },
      lease: held,
      leaseStillMs: 2000,
      ...over,
    });

  it('is noticed early, when server, agent and heartbeats have all gone quiet', () => {
    expect(begun(cut())).toMatchObject({ phase: 'closing', kind: 'failover', from: A, to: B });
  });

  it.each<readonly [string, Situation]>([
    ['the lease is still renewed', cut({ leaseStillMs: 1875 })],
    ['a heartbeat has just come', cut({}, 1500)],
    ['its dead-man was not armed', cut({ lease: { ...held, armed: false } })],
    ['a monitor still gets an answer', cut({ health: situation().health })],
    ['try_times asks for more', cut({ cluster: { ...strict, policy: { ...strict.policy, tryTimes: 3 } } })],
  ])('is not, while %s', (_, s) => {
    expect(begun(s)).toBeUndefined();
  });
});

describe('a lease that nobody renews', () => {
  const lapsed = (over: Parameters<typeof situation>[0] = {}) =>
    situation({
      cluster: strict,
      health: new Map([
        [A, up(look(A, B))],
        [B, up(look(B, A))],
      ]),
      words: { [B]: standby },
      lease: held,
      leaseStillMs: W,
      ...over,
    });

  it('is followed by a failover once the server has closed itself', () => {
    const { rule, change } = decide(lapsed());
    expect(rule).toBe('replace a writer whose lease nobody renews');
    expect(change?.next).toMatchObject({ phase: 'closing', kind: 'failover', from: A, to: B });
  });

  it.each<readonly [string, Parameters<typeof situation>[0]]>([
    ['before W', { leaseStillMs: W - 1 }],
    ['while the server is seen open', { health: situation().health }],
    ['while its agent reports', { words: { [A]: { ...opened, did: 'watching' }, [B]: standby } }],
    ['when its agent is central: it never had a lease', { lease: lease() }],
    ['when the agent was stopped in an orderly way', { lease: { ...held, armed: false } }],
  ])('moves nothing %s', (_, over) => {
    expect(begun(lapsed(over))).toBeUndefined();
  });

  it('is enough when every monitor has died with the host, unless the standby still hears it', () => {
    const blind = new Map([
      [A, UNKNOWN],
      [B, UNKNOWN],
    ]);
    const hearing = (quietMs: number): MemberReport =>
      word({ local: true, look: look(B, A, { links: [link(A, { heartbeatMs: 1000, quietMs })] }) });
    const s = (quietMs: number) => lapsed({ health: blind, words: { [B]: hearing(quietMs) } });
    expect(begun(s(W))).toMatchObject({ phase: 'closing', from: A, to: B });
    expect(begun(s(500))).toBeUndefined();
  });
});

describe('failover_cooldown', () => {
  const since = (to: string, agoMs: number, health: Health = refused(500)) =>
    writerDead(health, {
      topology: stable({ lastFailover: { to, atMs: 1_000_000 - agoMs } }),
      words: { [A]: word({ did: 'unreachable', startsClosed: true }), [B]: standby },
    });

  it('holds a second failover back, and says for how long and what can be done', () => {
    const decision = decide(since(B, 60_000));
    expect(decision.change).toBeUndefined();
    expect(decision).toMatchObject({ alarm: true });
    expect(decision.says).toContain('another 540 s');
    expect(decision.says).toContain('mmm-control failover');
    expect(begun(since(B, 600_000))?.to).toBe(B);
  });

  it('does not when the server that the last one opened has died for certain', () => {
    expect(begun(since(A, 60_000))?.to).toBe(B);
    expect(begun(since(A, 60_000, silent(9999)))).toBeUndefined();
    expect(begun(since(A, 60_000, silent(10_000)))?.to).toBe(B);
    const released = situation({
      topology: stable({ lastFailover: { to: A, atMs: 999_000 } }),
      lease: { ...held, released: true },
    });
    expect(begun(released)?.phase).toBe('opening');
  });

  it('counts as over when the clock of redis was set back', () => {
    expect(begun(since(B, -1))?.to).toBe(B);
  });

  it('begins when a failover nobody asked for ends, and ends when a person changes the writer', () => {
    const ends = (over: Partial<ReturnType<typeof stable>>) => {
      const topology = stable({
        phase: 'opening',
        kind: 'failover',
        writer: null,
        from: A,
        to: B,
        generation: 43,
        lastFailover: { to: A, atMs: 5 },
        ...over,
      });
      const words = { [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }) };
      return decide(writerDead(refused(900), { topology, words })).change?.next.lastFailover;
    };
    expect(ends({})).toEqual({ to: B, atMs: 1_000_000 });
    expect(ends({ asked: true })).toBeNull();
    expect(ends({ kind: 'switchover' })).toEqual({ to: A, atMs: 5 });
    expect(ends({ kind: 'reopen', asked: false })).toEqual({ to: A, atMs: 5 });
  });
});
