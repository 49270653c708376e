import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Topology } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import { aRequest } from '../../support/documents.ts';
import {
  A,
  B,
  cluster,
  link,
  look,
  policy,
  refused,
  sidecar,
  situation,
  stable,
  up,
  word,
} from '../../support/world.ts';

const auto: Topology['policy'] = { ...policy, failback: 'auto' };
const members: Topology['members'] = [
  { address: A, role: 'standby', kind: 'master', state: 'online' },
  { address: B, role: 'writer', kind: 'master', state: 'online' },
];

/** A is primaryhost and back in good standing for as long as it takes; B writes since a failover. */
const failedOver = (over: Partial<Topology> = {}): Topology =>
  stable({
    generation: 43,
    kind: 'failover',
    from: A,
    to: B,
    writer: B,
    failedOver: true,
    members,
    policy: auto,
    ...over,
  });

const ripe = ({ topology, ...over }: Parameters<typeof situation>[0] = {}, policy = auto): Situation =>
  situation({
    topology: topology === null ? null : { ...(topology ?? failedOver()), policy },
    cluster: { ...cluster, policy },
    onlineMs: new Map([[A, 60_000]]),
    words: {
      [A]: word({ generation: 43, look: look(A, B) }),
      [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }),
    },
    ...over,
  });

const linked = (over: Parameters<typeof link>[1]) =>
  new Map([
    [A, up(look(A, B, { links: [link(B, over)] }))],
    [B, up(look(B, A, { readOnly: false }))],
  ]);

describe('failback=auto', () => {
  it('gives the role back to primaryhost by a planned switchover that nobody asked for', () => {
    const { rule, change } = decide(ripe());
    expect(rule).toBe('give the role back to primaryhost');
    expect(change?.next).toMatchObject({
      generation: 44,
      phase: 'closing',
      kind: 'switchover',
      from: B,
      to: A,
      request: null,
      reason: 'failback to primaryhost',
    });
    expect(change?.takes).toBeNull();
  });

  it('waits twice as long after each attempt that was undone, and counts anew once one succeeds', () => {
    const attempt = (undoneFailbacks: number, ms: number) =>
      decide(ripe({ topology: failedOver({ undoneFailbacks }), onlineMs: new Map([[A, ms]]) })).change;
    expect(attempt(0, 60_000)?.next.undoneFailbacks).toBe(1);
    expect(attempt(2, 239_999)).toBeUndefined();
    expect(attempt(2, 240_000)?.next.undoneFailbacks).toBe(3);
    const opening = stable({ ...failedOver({ undoneFailbacks: 3 }), phase: 'opening', kind: 'switchover' });
    const opened = word({ generation: 43, did: 'opened', look: look(A, B, { readOnly: false }) });
    const back = { ...opening, from: B, to: A, writer: null };
    expect(decide(ripe({ topology: back, words: { [A]: opened } })).change?.next).toMatchObject({
      phase: 'stable',
      undoneFailbacks: 0,
      failedOver: false,
    });
  });

  it('waits until primaryhost has been online for auto_set_online, to the millisecond', () => {
    expect(decide(ripe({ onlineMs: new Map([[A, 59_999]]) })).change).toBeUndefined();
    expect(decide(ripe({ onlineMs: new Map() })).change).toBeUndefined();
  });

  it('takes a lag that the pause of clients bears, and no other', () => {
    expect(decide(ripe({ health: linked({ lagSeconds: 1 }) })).change).toBeDefined();
    expect(decide(ripe({ health: linked({ lagSeconds: 2 }) })).change).toBeUndefined();
    expect(decide(ripe({ health: linked({ lagSeconds: null }) })).change).toBeUndefined();
  });

  const never: readonly (readonly [string, Parameters<typeof situation>[0]])[] = [
    ['where a person chose the writer', { topology: failedOver({ failedOver: false }) }],
    ['while paused', { topology: failedOver({ paused: { by: 'dba', untilMs: null } }) }],
    [
      'while a registered sidecar is silent',
      { sidecars: [{ ...sidecar('proxy1', 43, 'routed'), ageMs: 3001 }] },
    ],
    ['while the writer cannot be looked at', { health: new Map([[A, up(look(A, B))]]) }],
    [
      'while nobody reports on the writer',
      { words: { [A]: word({ generation: 43 }) }, onlineMs: new Map([[A, 60_000]]) },
    ],
    [
      'while nobody reports on primaryhost',
      { words: { [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }) } },
    ],
    ['while its replication does not run', { health: linked({ io: 'connecting' }) }],
    [
      'to a diverged primaryhost',
      {
        topology: failedOver({
          members: members.map((m) =>
            m.address === A ? { ...m, state: 'diverged', extra: { count: 1, list: '0-1-101' } } : m,
          ),
        }),
      },
    ],
  ];
  it('does nothing with failback=manual, nor with auto_set_online=0', () => {
    expect(decide(ripe({}, policy)).change).toBeUndefined();
    expect(decide(ripe({}, { ...auto, autoSetOnlineMs: 0 })).change).toBeUndefined();
  });

  it.each(never)('does nothing %s', (_, over) => {
    const { change } = decide(ripe(over));
    expect(change?.next.phase ?? 'stable').toBe('stable');
  });

  it('does nothing while anybody asks for something else', () => {
    const asked = aRequest({ id: 'r1', by: 'dba' });
    expect(decide(ripe({ requests: [asked] })).change).toBeUndefined();
    expect(decide(ripe({ requests: [asked], watchedMs: 1000 })).change).toBeUndefined();
  });

  it('leaves a cluster alone whose writer is primaryhost', () => {
    const topology = stable({ failedOver: true, policy: auto });
    const s = situation({ topology, cluster: ripe().cluster, onlineMs: new Map([[A, 90_000]]) });
    expect(decide(s).change).toBeUndefined();
  });
});

describe('failback=auto, interrupted after every step, is a switchover like any other', () => {
  const begun = decide(ripe()).change?.next as Topology;
  // Another identify comes: it knows the topology and the reports, and has watched nothing.
  const fresh = (over: Parameters<typeof situation>[0]) =>
    ripe({ onlineMs: new Map(), watchedMs: 0, ...over });
  const words = (generation: number, a: 'closed' | 'opened', b: 'closed' | 'opened') => ({
    [A]: word({ generation, did: a, look: look(A, B, { readOnly: a === 'closed' }) }),
    [B]: word({ generation, did: b, look: look(B, A, { readOnly: b === 'closed' }) }),
  });

  it('closing: primaryhost may open once the other is proven closed', () => {
    const { change } = decide(fresh({ topology: begun, words: words(44, 'closed', 'closed') }));
    expect(change?.next).toMatchObject({ phase: 'opening', kind: 'switchover', to: A, proof: 'a' });
  });

  it('opening: all is told, and nothing is left to be undone', () => {
    const topology: Topology = { ...begun, phase: 'opening', proof: 'a' };
    const { change } = decide(fresh({ topology, words: words(44, 'opened', 'closed'), legacyWriter: B }));
    expect(change).toMatchObject({ announce: true, legacy: { active: A, passive: B } });
    expect(change?.next).toMatchObject({ phase: 'stable', writer: A, failedOver: false });
  });

  it('that does not fit is undone, and tried again only after another wait', () => {
    const blocked = word({ generation: 44, did: 'close-failed', detail: 'connection 7 runs ALTER TABLE' });
    const undo = decide(
      fresh({ topology: begun, words: { ...words(44, 'closed', 'opened'), [B]: blocked } }),
    ).change;
    expect(undo?.next).toMatchObject({ kind: 'undo', to: B, generation: 45 });
    const opening: Topology = { ...(undo?.next as Topology), phase: 'opening' };
    const { change } = decide(fresh({ topology: opening, words: words(45, 'closed', 'opened') }));
    expect(change?.next).toMatchObject({ phase: 'stable', writer: B, failedOver: true });
    const after = { topology: change?.next as Topology, words: words(45, 'closed', 'opened') };
    expect(decide(fresh(after)).change).toBeUndefined();
    expect(decide(ripe(after)).change).toBeUndefined();
    const twice = { ...after, onlineMs: new Map([[A, 120_000]]) };
    expect(decide(ripe(twice)).change?.next).toMatchObject({ phase: 'closing', to: A });
  });
});

describe('why the writer is where it is', () => {
  const settle = (over: Partial<Topology>) => {
    const topology = failedOver({ phase: 'opening', writer: null, generation: 44, ...over });
    const to = topology.to ?? '';
    const open = word({
      generation: 44,
      did: 'opened',
      look: look(to, to === A ? B : A, { readOnly: false }),
    });
    return decide(ripe({ topology, words: { [to]: open } })).change?.next.failedOver;
  };
  const asked = { id: 'r1', verb: 'switchover', by: 'dba' };

  it('a failover that nobody asked for may be taken back', () => {
    expect(settle({ kind: 'failover', failedOver: false })).toBe(true);
  });

  it('a choice by mmm-control stays, also when the old writer died while it was carried out', () => {
    expect(settle({ kind: 'switchover', request: asked })).toBe(false);
    expect(settle({ kind: 'failover', request: asked })).toBe(false);
    expect(settle({ kind: 'failover', asked: true })).toBe(false);
  });

  it('a choice by mmm-control is remembered through a halt', () => {
    const halted = failedOver({
      phase: 'halted',
      kind: 'failover',
      from: A,
      to: B,
      writer: null,
      asked: true,
    });
    const health = new Map([
      [A, refused(60_000)],
      [B, up(look(B, A, { links: [link(A, { io: 'connecting', lagSeconds: null })] }))],
    ]);
    const words = { [B]: word({ generation: 43, look: look(B, A) }) };
    const { change } = decide(ripe({ topology: halted, health, words }));
    expect(change?.next).toMatchObject({ phase: 'closing', kind: 'failover', to: B, asked: true });
  });

  it.each([true, false])('a writer that is opened again, or stays, keeps its reason: %s', (before) => {
    expect(settle({ kind: 'reopen', from: B, failedOver: before })).toBe(before);
    expect(settle({ kind: 'undo', from: A, failedOver: before })).toBe(before);
  });

  it('what is found at the first start is nobody’s failover', () => {
    const health = new Map([
      [A, up(look(A, B))],
      [B, up(look(B, A, { readOnly: false }))],
    ]);
    const { change } = decide(ripe({ topology: null, health }));
    expect(change?.next).toMatchObject({ writer: B, failedOver: false });
  });
});

describe('a flapping member', () => {
  const flaps = (count: number, state: 'online' | 'recovering' | 'flapping') =>
    ripe({
      topology: failedOver({
        members: members.map((m) => (m.address === A ? { ...m, state } : m)),
        parked: [{ on: B, from: A }],
      }),
      outages: new Map([[A, count]]),
    });

  it('is shown as such, told once, and gets no role back', () => {
    const { change } = decide(flaps(3, 'recovering'));
    expect(change?.next.members[0]).toMatchObject({ state: 'flapping' });
    expect(change?.events[0]).toMatchObject({ kind: 'flapping', from: A });
    expect(change?.next.parked).toEqual([]);
    const told = ripe({ topology: change?.next as Topology, outages: new Map([[A, 3]]) });
    expect(decide(told).change).toBeUndefined();
  });

  it('is one that went offline flap_count times, not less', () => {
    expect(decide(flaps(2, 'recovering')).change?.next.members[0]).toMatchObject({ state: 'online' });
    expect(decide(flaps(2, 'flapping')).change?.next.members[0]).toMatchObject({ state: 'online' });
  });

  it('takes over all the same when the writer dies', () => {
    const standby = look(A, B, { links: [link(B, { io: 'connecting', lagSeconds: null })] });
    const { change } = decide(
      ripe({
        topology: failedOver({
          members: members.map((m) => (m.address === A ? { ...m, state: 'flapping' } : m)),
        }),
        health: new Map([
          [A, up(standby)],
          [B, refused(200)],
        ]),
        outages: new Map([[A, 9]]),
      }),
    );
    expect(change?.next).toMatchObject({ phase: 'closing', kind: 'failover', to: A });
  });
});
