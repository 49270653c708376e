import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { MemberReport, Topology } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import {
  A,
  B,
  lease,
  link,
  look,
  refused,
  silent,
  situation,
  stable,
  up,
  word,
  writerDead,
} from '../../support/world.ts';

const open = (generation: number, over: Partial<MemberReport> = {}) =>
  word({ generation, did: 'opened', look: look(A, B, { readOnly: false }), ...over });
const closed = (generation: number) => word({ generation, did: 'closed', look: look(B, A) });

describe('redis was restarted with its data', () => {
  const restarted = (over: Parameters<typeof situation>[0] = {}): Situation =>
    situation({ incarnation: 'run2', ...over });

  it('the writer that went on is confirmed at its own generation: nobody closes', () => {
    const { change } = decide(restarted());
    expect(change?.next).toMatchObject({
      generation: 42,
      step: 4,
      phase: 'stable',
      writer: A,
      incarnation: 'run2',
    });
    expect(change).toMatchObject({ announce: false, legacy: null });
  });

  it('so it is where only the lease is lost, also after an upgrade', () => {
    expect(decide(situation({ lease: null })).change?.next).toMatchObject({ generation: 42, step: 4 });
    const older = lease({ generation: 41 });
    expect(decide(situation({ lease: older })).change?.next).toMatchObject({ generation: 42, step: 4 });
    expect(decide(situation()).change).toBeUndefined();
  });

  it.each<readonly [string, MemberReport]>([
    ['says nothing of this generation', open(41)],
    ['does not say that it is open', word({ did: 'watching', look: look(A, B) })],
    ['does not see it', word({ did: 'opened', look: null })],
  ])('it is not confirmed while its agent %s', (_, a) => {
    const s = restarted({ words: { [A]: a, [B]: closed(42) } });
    expect(decide(s).change?.next.incarnation).not.toBe('run2');
  });

  it('nobody is replaced before everybody could have told of a later decision', () => {
    const dead = (watchedMs: number) => writerDead(refused(500), { incarnation: 'run2', watchedMs });
    expect(decide(dead(2199)).change).toBeUndefined();
    expect(decide(dead(2200)).change?.next).toMatchObject({ phase: 'closing', incarnation: 'run2' });
  });
});

describe('redis was restarted in the middle of a handover', () => {
  const asked = { id: 'r1', verb: 'switchover', by: 'dba' };
  const under = (over: Partial<Topology> = {}): Topology =>
    stable({
      phase: 'closing',
      kind: 'switchover',
      writer: null,
      from: A,
      to: B,
      generation: 43,
      request: asked,
      ...over,
    });

  it('it begins anew between the same two, and its request is not asked for again', () => {
    for (const phase of ['closing', 'opening'] as const) {
      const s = situation({ topology: under({ phase }), incarnation: 'run2', words: {} });
      expect(decide(s).change).toMatchObject({
        takes: null,
        next: {
          generation: 44,
          phase: 'closing',
          kind: 'switchover',
          from: A,
          to: B,
          request: asked,
          incarnation: 'run2',
        },
      });
    }
  });

  it('nobody is let open by the decision that the other process kept', () => {
    const words = { [A]: word({ generation: 43, look: look(A, B) }), [B]: closed(43) };
    const s = (watchedMs: number) =>
      situation({ topology: under(), incarnation: 'run2', words, watchedMs, phaseMs: 100 });
    expect(decide(s(1000)).change).toBeUndefined();
    expect(decide(s(3000)).change?.next.phase).toBe('closing');
  });

  it('what was opened in time is told as it is, and confirmed by that', () => {
    const topology = under({ phase: 'opening', proof: 'a', position: look(A, B).history });
    const words = {
      [A]: word({ generation: 43, look: look(A, B) }),
      [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }),
    };
    expect(decide(situation({ topology, incarnation: 'run2', words })).change?.next).toMatchObject({
      generation: 43,
      phase: 'stable',
      writer: B,
      incarnation: 'run2',
    });
  });
});

describe('redis has lost the topology, or gave back an older one', () => {
  const last = stable({ generation: 57, paused: { by: 'dba', untilMs: null }, parked: [{ on: A, from: B }] });
  const lost = (over: Parameters<typeof situation>[0] = {}): Situation =>
    situation({
      topology: null,
      floor: 57,
      lastTopology: last,
      incarnation: 'run2',
      legacyWriter: null,
      words: { [A]: open(57), [B]: closed(57) },
      ...over,
    });

  it('it is written again as it was, with the same generation: the writer has one right to be open, and keeps it', () => {
    const { change, rule } = decide(lost());
    expect(rule).toBe('write the lost topology again');
    expect(change?.next).toEqual({ ...last, step: last.step + 1, incarnation: 'run2' });
    expect(change).toMatchObject({ announce: true, legacy: { active: A, passive: B } });
    expect(change?.events).toMatchObject([{ kind: 'restored', generation: 57, phase: 'stable' }]);
  });

  it('an identify that was started meanwhile knows who writes, and has the rest compared afresh', () => {
    const { change } = decide(lost({ lastTopology: null }));
    expect(change?.next).toMatchObject({ generation: 57, phase: 'stable', writer: A, incarnation: 'run2' });
    expect(change?.next.members[1]?.state).toBe('unknown');
  });

  it.each<readonly [string, Parameters<typeof situation>[0]]>([
    ['nobody claims the highest generation known', { floor: 58 }],
    ['two claim it', { words: { [A]: open(57), [B]: open(57) } }],
    [
      'nothing at all is known of the other one',
      { words: { [A]: open(57) }, health: new Map([[A, up(look(A, B, { readOnly: false }))]]) },
    ],
    [
      'the other one has only just fallen silent',
      {
        words: { [A]: open(57) },
        health: new Map([
          [A, up(look(A, B, { readOnly: false }))],
          [B, silent(500, 1)],
        ]),
      },
    ],
    [
      'a monitor sees the other one open',
      {
        words: { [A]: open(57) },
        health: new Map([
          [A, up(look(A, B, { readOnly: false }))],
          [B, up(look(B, A, { readOnly: false }))],
        ]),
      },
    ],
    ['the other one is open', { words: { [A]: open(57), [B]: { ...open(41), did: 'watching' } } }],
    ['its agent does not see it open', { words: { [A]: closed(57), [B]: closed(57) } }],
  ])('it is not where %s', (_, over) => {
    const next = decide(lost(over)).change?.next;
    expect(next === undefined || next.generation > 57).toBe(true);
  });

  it.each([
    ['is dead', refused(60_000), [{ on: A, from: B }]],
    ['has no agent, and is seen closed', up(look(B, A)), []],
  ] as const)('nor is the writer closed for it while the other one %s', (_, b, parked) => {
    const links = [link(B, { io: 'connecting' })];
    const health = new Map([
      [A, up(look(A, B, { readOnly: false, links }))],
      [B, b],
    ]);
    const words = { [A]: open(57) };
    expect(decide(lost({ words, health })).change?.next).toMatchObject({ generation: 57, writer: A });
    const fresh = decide(lost({ words, health, lastTopology: null })).change?.next;
    expect(fresh).toMatchObject({ generation: 57, phase: 'stable', writer: A, parked });
  });

  it('the term of its lease is what its agent says, whatever the configuration says by now', () => {
    const words = { [A]: open(57, { local: true, termMs: 10_000 }), [B]: closed(57) };
    expect(decide(lost({ lastTopology: null, words })).change?.next.policy.leaseMs).toBe(10_000);
    expect(decide(lost({ lastTopology: null })).change?.next.policy.leaseMs).toBe(5000);
  });

  it('nor before everybody had time to report', () => {
    expect(decide(lost({ watchedMs: 2199 })).change).toBeUndefined();
  });
});
