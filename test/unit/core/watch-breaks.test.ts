import { describe, expect, it } from 'vitest';
import type { AgentReport, Facts, Lease, MemberReport } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import { type Observing, observe, type Reading, type Watch } from '../../../src/core/watch.ts';
import { A, B, cluster, lease, link, look, stable, word } from '../../support/world.ts';

interface Seen {
  readonly seq?: number;
  readonly lease?: Lease | null;
  readonly incarnation?: string;
  readonly isNewLeader?: boolean;
  readonly agents?: readonly AgentReport[];
}

/** An identify in the middle of a handover that reads what it is given, at the given times. */
function identify() {
  let watch: Watch | null = null;
  return (nowMs: number, seen: Seen = {}): Situation => {
    const probe = { status: 'refused', forMs: 9000, failures: 9, reason: '', look: null } as const;
    const facts: Facts = {
      v: 1,
      id: 'monitor1',
      uniqsign: cluster.uniqsign,
      seq: seen.seq ?? nowMs,
      members: { [A]: probe },
    };
    const reading: Reading = {
      topology: stable({ phase: 'closing', writer: null, from: A, to: B, generation: 43 }),
      facts: [facts],
      agents: seen.agents ?? [report('agent1', seen.seq ?? nowMs, { [B]: word({}) })],
      sidecars: [],
      requests: [],
      legacyWriter: A,
      incarnation: seen.incarnation ?? 'run1',
      lease: seen.lease === undefined ? lease({ counter: 7 }) : seen.lease,
      redisNowMs: 0,
    };
    const options: Observing = { cluster, floor: 0, nowMs, isNewLeader: seen.isNewLeader ?? false };
    const result = observe(watch, reading, options);
    watch = result.watch;
    return result.situation;
  };
}

function report(id: string, seq: number, members: Record<string, MemberReport>): AgentReport {
  return {
    v: 1,
    id,
    serves: Object.keys(members),
    generation: 43,
    step: 0,
    floor: 43,
    did: 'watching',
    position: null,
    seq,
    members,
    blocks: false,
  };
}

describe('the stopwatches of a handover', () => {
  const running = () => {
    const at = identify();
    for (let ms = 0; ms <= 5000; ms += 500) at(ms);
    return at;
  };

  it('run while we read without a break', () => {
    const s = running()(5900);
    expect(s).toMatchObject({ phaseMs: 5900, leaseStillMs: 5900, watchedMs: 5900 });
    expect(s.health.get(A)?.status).toBe('refused');
    expect(s.agents.has(B)).toBe(true);
  });

  it.each<readonly [string, number, Seen, Seen]>([
    ['a gap in our own readings', 6001, {}, {}],
    ['another redis process', 5500, { incarnation: 'run2' }, { incarnation: 'run2' }],
    ['having taken the lead', 5500, { isNewLeader: true }, {}],
  ])('start anew after %s, and nobody is believed before he is heard again', (_, ms, seen, next) => {
    const at = running();
    const s = at(ms, seen);
    expect(s).toMatchObject({ phaseMs: 0, leaseStillMs: 0, watchedMs: 0 });
    expect(s.health.get(A)?.status).toBe('unknown');
    expect(s.agents.size).toBe(0);
    const later = at(ms + 500, next);
    expect(later).toMatchObject({ phaseMs: 500, leaseStillMs: 500 });
    expect(later.health.get(A)?.status).toBe('refused');
  });

  it('of the lease start anew with each renewal, and only then', () => {
    const at = running();
    expect(at(5500, { lease: lease({ counter: 8 }) }).leaseStillMs).toBe(0);
    expect(at(6000, { lease: lease({ counter: 8 }) }).leaseStillMs).toBe(500);
    expect(at(6500, { lease: null }).leaseStillMs).toBe(0);
  });
});

describe('what an agent says of a member', () => {
  it('comes from the one beside it, whatever a central one says later', () => {
    const at = identify();
    const local = report('beside', 1, { [A]: word({ generation: 42, local: true }) });
    const central = report('central', 1, { [A]: word({ generation: 43 }) });
    const both = (seq: number) => [
      { ...local, seq },
      { ...central, seq },
    ];
    at(0, { agents: both(1) });
    expect(at(500, { agents: both(2) }).agents.get(A)?.agent).toBe('beside');
    expect(at(1000, { agents: both(3).toReversed() }).agents.get(A)?.agent).toBe('beside');
  });

  it('is timed here: how long the links it looked at have brought nothing', () => {
    const at = identify();
    const heard = (seq: number, text: string) => [
      report('beside', seq, { [B]: word({ look: look(B, A, { links: [link(A, { heard: text })] }) }) }),
    ];
    const quiet = (s: Situation) => s.agents.get(B)?.report.look?.links[0]?.quietMs;
    at(0, { agents: heard(1, 'x') });
    expect(quiet(at(900, { agents: heard(2, 'x') }))).toBe(900);
    expect(quiet(at(1800, { agents: heard(3, 'y') }))).toBe(0);
  });
});

it('a lease is a witness of its generation too: an older topology is not followed', () => {
  const s = identify()(0, { lease: lease({ generation: 44 }) });
  expect(s).toMatchObject({ floor: 44, topology: null });
});
