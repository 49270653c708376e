import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import { whomToFence } from '../../../src/core/fencing.ts';
import { gate, proofMayCome } from '../../../src/core/gates.ts';
import type { MemberReport, Policy, Topology } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import {
  A,
  B,
  cluster,
  lease,
  look,
  policy,
  refused,
  sidecar,
  silent,
  situation,
  stable,
  up,
  word,
  writerDead,
} from '../../support/world.ts';

const W = 6500;
const held = lease({ agent: 'agent-a', armed: true, counter: 7 });

/** Closing from A, whose agent sat beside it and died with it, to B, whose agent holds the lock. */
function closing(over: Partial<Topology> = {}): Topology {
  return stable({
    phase: 'closing',
    kind: 'failover',
    writer: null,
    from: A,
    to: B,
    generation: 43,
    step: 0,
    ...over,
  });
}
const locked = (lockedMs: number): MemberReport =>
  word({ generation: 43, did: 'closed', look: look(B, A), lockedMs });
function waiting(over: Parameters<typeof situation>[0] = {}, set: Partial<Policy> = {}): Situation {
  return writerDead(silent(W), {
    topology: closing(),
    cluster: { ...cluster, policy: { ...policy, fencing: 'strict', ...set } },
    words: { [B]: locked(W) },
    lease: held,
    phaseMs: W,
    sidecars: [],
    ...over,
  });
}
const proofIn = (s: Situation): unknown => {
  const found = s.topology === null ? null : gate(s, s.topology);
  return found !== null && 'proof' in found ? found.proof : undefined;
};
const waitsIn = (s: Situation): string => {
  const found = s.topology === null ? null : gate(s, s.topology);
  return found !== null && 'waitsFor' in found ? found.waitsFor.join('; ') : '';
};

describe('the end of a lease (c)', () => {
  it('counts when W has passed since the handover began and the lock was held for W', () => {
    expect(proofIn(waiting())).toBe('c');
    expect(decide(waiting()).change?.next).toMatchObject({ phase: 'opening', proof: 'c', generation: 43 });
  });

  it.each<readonly [string, Parameters<typeof situation>[0]]>([
    ['before W by our own stopwatch', { phaseMs: W - 1 }],
    ['before the lock was held for W', { words: { [B]: locked(W - 1) } }],
    ['when the lock was held at another generation', { words: { [B]: { ...locked(W), generation: 42 } } }],
    ['when the last renewal said that no dead-man was armed', { lease: { ...held, armed: false } }],
    ['when nobody ever renewed it', { lease: { ...held, agent: '' } }],
    ['when another redis process has kept it', { lease: { ...held, incarnation: 'run0' } }],
    ['when redis has lost it', { lease: null }],
    ['when it is the lease of somebody else', { lease: { ...held, holder: B } }],
    ['when it is not of an earlier generation', { lease: { ...held, generation: 43 } }],
    ['when a longer term may still be held', { topology: closing({ heldMs: 6000 }) }],
    [
      'while a monitor sees the server open',
      {
        health: new Map([
          [A, up(look(A, B, { readOnly: false }))],
          [B, up(look(B, A))],
        ]),
      },
    ],
  ])('does not count %s', (_, over) => {
    expect(proofIn(waiting(over))).toBeUndefined();
  });

  it('does not count while the handover was begun under another redis process', () => {
    const s = waiting({ topology: closing({ incarnation: 'run0' }) });
    expect(proofIn(s)).toBeUndefined();
  });

  it('says how long it still waits, and for the lock', () => {
    expect(waitsIn(waiting({ phaseMs: 2500 }))).toContain(`the end of the lease of ${A}, in 4000 ms`);
    expect(waitsIn(waiting({ words: { [B]: locked(0) } }))).toContain(`promotion lock on ${B}`);
  });

  it('of the one that was to be opened counts in an undo: only then may the old writer open again', () => {
    const undo = closing({ kind: 'undo', from: B, to: A, generation: 44 });
    const words = { [A]: word({ generation: 44, look: look(A, B), lockedMs: W }) };
    const opening = lease({ holder: B, generation: 43, agent: 'agent-b', armed: true });
    const health = new Map([
      [A, up(look(A, B, { links: [] }))],
      [B, silent(W)],
    ]);
    expect(proofIn(waiting({ topology: undo, words, lease: opening, health }))).toBe('c');
    // It never got so far as to ask for a lease: its own word is waited for.
    const never = { ...opening, agent: '', armed: false };
    expect(proofIn(waiting({ topology: undo, words, lease: never, health }))).toBeUndefined();
  });
});

describe('a process that is gone (b)', () => {
  it('is proven by the agent beside it, at this generation alone, under every policy', () => {
    const gone = word({ generation: 43, did: 'gone', local: true, startsClosed: true });
    const s = (a: MemberReport) => waiting({ phaseMs: 10, words: { [A]: a, [B]: locked(0) } });
    expect(proofIn(s(gone))).toBe('b');
    expect(proofIn(s({ ...gone, generation: 42 }))).toBeUndefined();
    expect(proofIn(s({ ...gone, local: false }))).toBeUndefined();
  });

  it('is proven by a lease that was released, unless another redis process has kept it', () => {
    const released = { ...held, released: true };
    const s = (l: typeof released) => waiting({ phaseMs: 10, lease: l });
    expect(proofIn(s(released))).toBe('b');
    expect(proofIn(s({ ...released, incarnation: 'run0' }))).toBeUndefined();
    expect(proofIn(s({ ...released, holder: B }))).toBeUndefined();
  });

  const attended = (
    over: Parameters<typeof situation>[0],
    local: boolean,
    fencing: Policy['fencing'] = 'none',
  ) =>
    writerDead(refused(300), {
      topology: closing({ routedBySidecars: false, sidecars: [] }),
      cluster: { ...cluster, policy: { ...policy, fencing } },
      words: { [A]: word({ did: 'unreachable', startsClosed: true, local }), [B]: locked(0) },
      lease: held,
      sidecars: [],
      phaseMs: 10,
      ...over,
    });

  it('is not proven by monitors under strict, nor while the agent beside it reports and keeps its lease', () => {
    expect(proofIn(attended({}, false, 'routed'))).toBe('b');
    expect(proofIn(attended({}, true))).toBeUndefined();
    expect(proofIn(attended({}, false, 'strict'))).toBeUndefined();
    const seen = word({ did: 'watching', startsClosed: true, local: true, look: look(A, B) });
    expect(proofIn(attended({ lease: null, words: { [A]: seen, [B]: locked(0) } }, true))).toBeUndefined();
  });

  it('is proven by monitors where the agent beside it was started after its death: it can tell nothing', () => {
    expect(proofIn(attended({ lease: { ...held, armed: false } }, true, 'routed'))).toBe('b');
  });
});

describe('the cut (e) and silence (f)', () => {
  const frozen = (local: boolean, armed = true) =>
    writerDead(silent(20_000), {
      topology: closing({ sidecars: ['proxy1'], routedBySidecars: true }),
      words: { [A]: word({ generation: 43, did: 'unreachable', local }), [B]: locked(0) },
      sidecars: [sidecar('proxy1', 43, 'cut')],
      lease: { ...held, armed },
      phaseMs: 10,
    });

  it('does not overtake the agent beside a frozen server, which ends it, or its lease does', () => {
    expect(proofIn(frozen(false))).toBe('e');
    expect(proofIn(frozen(true))).toBeUndefined();
    expect(proofIn(frozen(true, false))).toBe('e');
  });
});

describe('fence_cmd (d)', () => {
  const canFence = { ...cluster, canFence: true, policy: { ...policy, fencing: 'strict' as const } };
  const fence = { generation: 43, address: A, outcome: 'done' as const, detail: '' };
  const s = (over: Parameters<typeof situation>[0] = {}) =>
    waiting({ cluster: canFence, lease: null, phaseMs: 10, ...over });

  it('is a proof when it succeeded at this generation, for this member', () => {
    expect(proofIn(s({ fence }))).toBe('d');
    expect(proofIn(s({ fence: { ...fence, generation: 42 } }))).toBeUndefined();
    expect(proofIn(s({ fence: { ...fence, address: B } }))).toBeUndefined();
    expect(proofIn(s({ fence: { ...fence, outcome: 'running' } }))).toBeUndefined();
    const failed = s({ fence: { ...fence, outcome: 'failed', detail: 'no such host' } });
    expect(proofIn(failed)).toBeUndefined();
    expect(waitsIn(failed)).toContain('fence_cmd failed: no such host');
  });

  it('is run once per generation, for a dead writer nobody has closed', () => {
    expect(whomToFence(s())).toBe(A);
    expect(whomToFence(s({ fence: { ...fence, outcome: 'failed', detail: 'x' } }))).toBeNull();
    expect(whomToFence(s({ fence: { ...fence, generation: 42 } }))).toBe(A);
    expect(whomToFence(waiting({ lease: null }))).toBeNull();
    expect(whomToFence(s({ topology: stable() }))).toBeNull();
    const closed = { [A]: word({ generation: 43, look: look(A, B) }), [B]: locked(0) };
    expect(whomToFence(s({ words: closed }))).toBeNull();
  });

  it('waits while the writer answers: its agent may close it, and a planned handover is undone', () => {
    const answering = {
      health: situation().health,
      words: { [A]: word({ did: 'opened', look: look(A, B, { readOnly: false }) }), [B]: locked(0) },
    };
    expect(whomToFence(s({ ...answering, phaseMs: 1999 }))).toBeNull();
    expect(whomToFence(s({ ...answering, phaseMs: 2000 }))).toBe(A);
    const planned = closing({ kind: 'switchover' });
    expect(whomToFence(s({ ...answering, topology: planned, phaseMs: 60_000 }))).toBeNull();
  });
});

describe('whether a proof may come', () => {
  const may = (over: Parameters<typeof situation>[0], canFence = false) => {
    const s = writerDead(silent(5000), {
      cluster: { ...cluster, canFence, policy: { ...policy, fencing: 'strict' } },
      ...over,
    });
    return proofMayCome(s, s.topology ?? stable(), A);
  };

  it('under strict: with an armed lease, with a released one, with fence_cmd, and not else', () => {
    expect(may({ lease: held })).toBe(true);
    expect(may({ lease: { ...held, released: true } })).toBe(true);
    expect(may({ lease: null }, true)).toBe(true);
    expect(may({ lease: null })).toBe(false);
    expect(may({ lease: { ...held, armed: false } })).toBe(false);
    expect(may({ lease: { ...held, incarnation: 'run0' } })).toBe(false);
  });
});

describe('the agent beside the writer goes silent', () => {
  it('in a planned switchover: its server closes itself, so it is not taken back but waited for', () => {
    const planned = closing({ kind: 'switchover' });
    const answering = { health: situation().health, words: { [B]: locked(1300) } };
    const s = (lost: typeof held | null) =>
      waiting({ topology: planned, phaseMs: 1300, lease: lost, ...answering });
    expect(decide(s(held)).change).toBeUndefined();
    expect(decide(s(null)).change?.next).toMatchObject({ kind: 'undo' });
  });

  it.each([
    ['closing', 42],
    ['opening', 43],
  ] as const)(
    'before the writer was opened again (%s): its standby takes over after W',
    (phase, generation) => {
      const reopening = closing({ phase, kind: 'reopen', from: A, to: A });
      const s = (over: Parameters<typeof situation>[0] = {}) =>
        situation({
          topology: reopening,
          words: { [B]: word({ generation: 43, look: look(B, A) }) },
          lease: { ...held, generation },
          phaseMs: W,
          ...over,
        });
      expect(decide(s()).change?.next).toMatchObject({ generation: 44, kind: 'failover', from: A, to: B });
      expect(decide(s({ phaseMs: W - 1 })).change).toBeUndefined();
      expect(decide(s({ lease: { ...held, generation, armed: false } })).change).toBeUndefined();
      const attended = { [A]: word({ generation: 42, did: 'watching' }), [B]: word({}) };
      expect(decide(s({ words: attended })).change).toBeUndefined();
    },
  );
});

describe('another lease_ttl in the configuration', () => {
  const set = (leaseMs: number) => ({ ...cluster, policy: { ...policy, leaseMs } });

  it('counts from the next generation on: the writer and whoever waits for its end mean the same term', () => {
    expect(decide(situation({ cluster: set(8000) })).change).toBeUndefined();
    const other = { ...set(8000).policy, maxLagMs: 1 };
    const { change } = decide(situation({ cluster: { ...cluster, policy: other } }));
    expect(change?.next.policy).toEqual({ ...other, leaseMs: 5000 });
  });

  it('until then the longer of both is waited for', () => {
    const topology = stable({ policy: { ...policy, leaseMs: 8000 }, heldMs: 0 });
    const { change } = decide(writerDead(refused(300), { topology }));
    expect(change?.next).toMatchObject({ generation: 43, heldMs: 8000, policy: { leaseMs: 5000 } });
    const again = closing({ kind: 'reopen', from: A, to: A, heldMs: 8000 });
    const next = decide(writerDead(refused(300), { topology: again })).change?.next;
    expect(next).toMatchObject({ generation: 44, heldMs: 8000 });
  });

  it('and no longer once the old writer is proven closed', () => {
    const topology = closing({ phase: 'opening', heldMs: 8000 });
    const words = { [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }) };
    expect(decide(writerDead(refused(900), { topology, words })).change?.next.heldMs).toBe(0);
  });
});
