import { describe, expect, it } from 'vitest';
import type { MemberState, Topology } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import { observe, type Watch } from '../../../src/core/watch.ts';
import { A, B, cluster, look, policy, stable } from '../../support/world.ts';

/** An identify that reads, at given times, topologies in which B has these states. */
function watcher(over: Partial<typeof policy> = {}) {
  let watch: Watch | null = null;
  let seq = 0;
  let last: [MemberState, Partial<Topology>] = ['online', {}];
  return (nowMs: number, state: MemberState, t: Partial<Topology> = {}): Situation => {
    // It reads without a break: a gap would be told apart.
    for (let ms = (watch?.readMs ?? nowMs) + 500; ms < nowMs; ms += 500) read(ms, ...last);
    last = [state, t];
    return read(nowMs, state, t);
  };

  function read(nowMs: number, state: MemberState, t: Partial<Topology>): Situation {
    seq += 1;
    const members = stable().members.map((m) => (m.address === B ? { ...m, state } : m));
    const probe = { status: 'up', forMs: 1, failures: 0, reason: '', look: look(B, A) } as const;
    const seen = observe(
      watch,
      {
        topology: stable({ members, ...t }),
        facts: [{ v: 1, id: 'monitor1', uniqsign: cluster.uniqsign, seq, members: { [B]: probe } }],
        agents: [],
        sidecars: [],
        requests: [],
        legacyWriter: A,
        incarnation: 'run1',
        lease: null,
        redisNowMs: 0,
      },
      { cluster: { ...cluster, policy: { ...policy, ...over } }, floor: 0, nowMs },
    );
    watch = seen.watch;
    return seen.situation;
  }
}

describe('how long a member has been online', () => {
  it('counts from when it was seen so, by our own stopwatch', () => {
    const at = watcher();
    at(0, 'online');
    expect(at(500, 'online').onlineMs.get(B)).toBe(0);
    expect(at(60_500, 'online').onlineMs.get(B)).toBe(60_000);
  });

  it.each<readonly [string, MemberState, Partial<Topology>]>([
    ['it was not online', 'recovering', {}],
    ['it was flapping', 'flapping', {}],
    ['somebody had paused', 'online', { paused: { by: 'dba', untilMs: null } }],
    ['a handover was under way', 'online', { phase: 'closing', writer: null }],
    ['there was a new generation', 'online', { generation: 43 }],
  ])('begins anew after %s', (_, state, t) => {
    const at = watcher();
    at(0, 'online');
    at(1000, 'online');
    at(30_000, state, t);
    const later = t.generation === undefined ? {} : { generation: t.generation };
    expect(at(31_000, 'online', later).onlineMs.get(B)).toBeLessThanOrEqual(1000);
  });
});

describe('how often a member went offline', () => {
  it('counts each time, not each look', () => {
    const at = watcher();
    at(0, 'online');
    for (const ms of [1000, 2000]) at(ms, 'offline');
    at(3000, 'recovering');
    expect(at(4000, 'online').outages.get(B)).toBe(1);
    expect(at(5000, 'offline').outages.get(B)).toBe(2);
  });

  it('forgets what is older than flap_duration', () => {
    const at = watcher({ flapMs: 10_000 });
    at(0, 'online');
    at(1000, 'offline');
    at(2000, 'online');
    expect(at(10_999, 'online').outages.get(B)).toBe(1);
    expect(at(11_000, 'online').outages.get(B)).toBe(0);
  });

  it('is not known to a fresh identify: one that flaps has to wait the whole time again', () => {
    const at = watcher({ flapMs: 10_000 });
    expect(at(0, 'flapping').outages.get(B)).toBe(3);
    expect(at(9999, 'flapping').outages.get(B)).toBe(3);
    expect(at(10_000, 'flapping').outages.get(B)).toBe(0);
  });

  it('is taken over from another identify that counted more, and given up with it', () => {
    const at = watcher({ flapMs: 10_000 });
    at(0, 'online');
    at(1000, 'offline');
    expect(at(2000, 'online').outages.get(B)).toBe(1);
    expect(at(3000, 'flapping').outages.get(B)).toBe(3);
    expect(at(12_900, 'online').outages.get(B)).toBe(0);
  });
});
