import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { MemberReport, Topology } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
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
const strict = { ...cluster, policy: { ...policy, fencing: 'strict' as const } };
const heldByA = lease({ agent: 'agent-a', armed: true, counter: 7 });
/** What letting B open has left in its place. */
const lentToB = lease({ holder: B, generation: 43 });

function handover(over: Partial<Topology> = {}): Topology {
  return stable({
    phase: 'halted',
    kind: 'failover',
    writer: null,
    from: A,
    to: B,
    generation: 43,
    reason: 'it has not caught up',
    parked: [
      { on: B, from: A },
      { on: A, from: B },
    ],
    ...over,
  });
}

describe('under strict, a standby that could not be opened at the first attempt', () => {
  const halted = (over: Partial<Topology> = {}, of: Parameters<typeof situation>[0] = {}): Situation =>
    writerDead(silent(60_000), {
      topology: handover(over),
      cluster: strict,
      words: { [B]: word({ generation: 43, look: look(B, A) }) },
      lease: lentToB,
      phaseMs: 5000,
      sidecars: [],
      ...of,
    });

  it.each(['a', 'b', 'c', 'd'] as const)('is tried again by the proof (%s) there was', (proof) => {
    const { change } = decide(halted({ proof, position: look(A, B).history }));
    expect(change?.next).toMatchObject({
      generation: 44,
      phase: 'opening',
      kind: 'failover',
      proof,
      from: A,
      to: B,
      position: look(A, B).history,
    });
    expect(change?.events.map(({ phase }) => phase)).toEqual(['closing', 'opening']);
  });

  it('needs a new one where there was none, where it was a risk, and while the old writer answers', () => {
    for (const proof of ['e', 'f', 'b-weak', 'operator', null] as const) {
      expect(decide(halted({ proof })).change?.next).toMatchObject({ phase: 'closing', proof: null });
    }
    const behind = look(A, B, { history: { kind: 'mariadb', state: '0-1-90', received: '' } });
    const back = halted(
      { proof: 'c' },
      {
        health: new Map([
          [A, up(behind)],
          [B, up(look(B, A))],
        ]),
        words: {
          [A]: word({ generation: 43, look: behind }),
          [B]: word({ generation: 43, look: look(B, A) }),
        },
      },
    );
    expect(decide(back).change?.next).toMatchObject({ phase: 'closing', kind: 'failover', proof: null });
  });

  it('needs a new one where somebody else was to be opened then', () => {
    expect(decide(halted({ proof: 'c', to: '10.0.21.9:3308' })).change?.next.phase).toBe('closing');
  });
});

describe('under strict, redis restarted in the middle of a failover', () => {
  const restarted = (topology: Topology, over: Parameters<typeof situation>[0] = {}): Situation =>
    writerDead(silent(60_000), {
      topology,
      cluster: strict,
      incarnation: 'run2',
      words: { [B]: word({ generation: topology.generation, look: look(B, A), lockedMs: W }) },
      lease: heldByA,
      phaseMs: W,
      sidecars: [],
      ...over,
    });

  it('when the standby was let open already: it goes on by the proof there was', () => {
    const opening = handover({ phase: 'opening', proof: 'c' });
    const s = restarted(opening, { lease: lentToB });
    expect(decide({ ...s, watchedMs: 1000 }).change).toBeUndefined();
    expect(decide(s).change?.next).toMatchObject({
      generation: 44,
      phase: 'opening',
      proof: 'c',
      from: A,
      to: B,
      incarnation: 'run2',
    });
  });

  it('before that: the lease that was final when it began still is, and ends after W', () => {
    const { change } = decide(restarted(handover({ phase: 'closing' })));
    expect(change?.next).toMatchObject({ generation: 44, phase: 'closing', incarnation: 'run2' });
    const again = (of: Partial<Topology>, over: Parameters<typeof situation>[0] = {}) =>
      decide(restarted({ ...(change?.next ?? stable()), ...of }, over)).change?.next.phase;
    expect(again({})).toBe('opening');
    expect(again({}, { phaseMs: W - 1 })).toBeUndefined();
    expect(again({}, { lease: { ...heldByA, armed: false } })).toBeUndefined();
    expect(again({}, { lease: { ...heldByA, incarnation: 'run0' } })).toBeUndefined();
    // Once more.
    const twice = decide(restarted(change?.next ?? stable(), { incarnation: 'run3' })).change?.next;
    expect(twice).toMatchObject({ generation: 45, phase: 'closing' });
    expect(decide(restarted(twice ?? stable(), { incarnation: 'run3' })).change?.next.proof).toBe('c');
  });

  it('a lease that was no proof before is none afterwards, nor in another handover', () => {
    const foreign = { ...heldByA, incarnation: 'run0' };
    const next = decide(restarted(handover({ phase: 'closing' }), { lease: foreign })).change?.next;
    expect(decide(restarted(next ?? stable(), { lease: foreign })).change).toBeUndefined();
    const anew = decide(restarted(stable())).change?.next;
    expect(anew?.phase === 'closing' ? decide(restarted(anew)).change : undefined).toBeUndefined();
  });
});

describe('under strict, a writer that ended while redis was away', () => {
  const gone = word({ did: 'gone', local: true, startsClosed: true });
  const s = (a: MemberReport) =>
    writerDead(refused(500), {
      cluster: strict,
      incarnation: 'run2',
      // The agent gave it up in the process that answers now, which has not confirmed it.
      lease: { ...heldByA, released: true },
      words: { [A]: a, [B]: word({ look: look(B, A) }) },
    });

  it('is replaced: the agent beside it will say at the next generation what it says now', () => {
    expect(decide(s(gone)).change?.next).toMatchObject({ phase: 'closing', from: A, to: B });
    expect(decide(s({ ...gone, local: false })).change).toBeUndefined();
    expect(decide(s({ ...gone, did: 'unreachable' })).change).toBeUndefined();
  });
});

describe('a server that was let open in an earlier attempt', () => {
  const retried = handover({ phase: 'closing', generation: 44 });
  const back = (over: Partial<Topology>, held = lentToB): Situation =>
    situation({
      topology: { ...retried, ...over },
      health: new Map([
        [A, up(look(A, B))],
        [B, up(look(B, A, { links: [link(A, { io: 'no', sql: 'no' })] }))],
      ]),
      words: {
        [A]: word({ generation: 44, look: look(A, B) }),
        [B]: word({ generation: 43, did: 'watching' }),
      },
      lease: held,
      phaseMs: 2000,
    });

  it('is closed before the old writer is taken back', () => {
    expect(decide(back({})).change?.next).toMatchObject({ generation: 45, kind: 'undo', from: B, to: A });
    expect(decide(back({}, heldByA)).change?.next).toMatchObject({ kind: 'reopen', from: A, to: A });
  });

  it('is closed before a switchover is undone', () => {
    const silentAgent = (held: typeof lentToB) => ({
      ...back({ kind: 'switchover' }, held),
      agents: new Map([...back({}).agents].filter(([address]) => address === B)),
    });
    expect(decide(silentAgent(lentToB)).change?.next).toMatchObject({ kind: 'undo', from: B, to: A });
    const never = lease({ agent: '', armed: false });
    expect(decide(silentAgent(never)).change?.next).toMatchObject({ kind: 'undo', from: null, to: A });
  });
});

describe('a switchover that is undone', () => {
  const undone = (state: string, over: Parameters<typeof situation>[0] = {}): Situation => {
    const received = state.split(',')[0] ?? '';
    const closed = look(B, A, { history: { kind: 'mariadb', state, received } });
    const looks = new Map([
      [A, look(A, B)],
      [B, closed],
    ]);
    return situation({
      topology: handover({ phase: 'closing', kind: 'undo', from: B, to: A, generation: 44, parked: [] }),
      health: new Map([...looks].map(([address, l]) => [address, up(l)])),
      lastLook: looks,
      words: {
        [A]: word({ generation: 44, did: 'watching', look: look(A, B) }),
        [B]: word({ generation: 44, look: closed }),
      },
      lease: lentToB,
      ...over,
    });
  };

  it('gives the role back when the one that was to be opened took nothing', () => {
    expect(decide(undone('0-1-100,0-2-50')).change?.next).toMatchObject({ phase: 'opening', to: A });
  });

  it('leaves it where it is when that one was open, and took writes that the old writer lacks', () => {
    expect(decide(undone('0-1-100,0-2-51')).change?.next).toMatchObject({
      generation: 45,
      phase: 'closing',
      kind: 'failover',
      from: A,
      to: B,
    });
    expect(decide(undone('0-1-99,0-2-51')).change?.next.phase).toBe('halted');
  });

  it('waits until it is seen what the old writer holds', () => {
    const words = { [B]: word({ generation: 44, look: look(B, A) }) };
    expect(decide(undone('0-1-100,0-2-50', { words })).change).toBeUndefined();
  });

  it('does not wait for an old writer that has died meanwhile: then the other one is tried again', () => {
    const health = new Map([
      [A, refused(500)],
      [B, up(look(B, A, { links: [link(A, { io: 'no', sql: 'no' })] }))],
    ]);
    const words = { [B]: word({ generation: 44, look: look(B, A) }) };
    const opening = decide(undone('0-1-100,0-2-50', { words, health })).change?.next;
    expect(opening).toMatchObject({ phase: 'opening', to: A });
    const topology = opening ?? stable();
    expect(decide(undone('', { topology, words, health })).change?.next.phase).toBe('halted');
  });
});
