import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Request, Topology } from '../../../src/core/model.ts';
import { aRequest } from '../../support/documents.ts';
import {
  A,
  B,
  cluster,
  lease,
  link,
  look,
  policy,
  silent,
  situation,
  stable,
  up,
  word,
} from '../../support/world.ts';

const asked = (over: Partial<Request> = {}): Request =>
  aRequest({ id: 'r1', verb: 'failover', to: null, by: 'dba@host', ...over });
const strict = { ...cluster, policy: { ...policy, fencing: 'strict' as const } };
const heldByB = lease({ holder: B, generation: 43 });

function handover(over: Partial<Topology>): Topology {
  return stable({ writer: null, generation: 43, sidecars: [], routedBySidecars: false, ...over });
}

type Over = Parameters<typeof situation>[0];

/** One of the two is gone; the other answers, is closed, and its agent reports. */
function gone(address: string, topology: Topology, over: Over = {}) {
  const other = address === A ? B : A;
  const seen = look(other, address, { links: [link(address, { io: 'connecting', lagSeconds: null })] });
  return situation({
    topology,
    cluster: strict,
    health: new Map([
      [address, silent(60_000)],
      [other, up(seen)],
    ]),
    words: {
      [address]: word({ generation: 41, did: 'unreachable' }),
      [other]: word({ generation: topology.generation, look: seen }),
    },
    sidecars: [],
    ...over,
  });
}

const no = (s: Parameters<typeof decide>[0]) => decide(s).answers?.[0];

const undo = handover({ phase: 'closing', kind: 'undo', from: B, to: A });
const reopen = handover({ phase: 'closing', kind: 'reopen', from: A, to: A });
const bootstrap = handover({ phase: 'closing', kind: 'bootstrap', from: null, to: A });
const opening = handover({ phase: 'opening', kind: 'failover', from: A, to: B, proof: 'a' });

describe('failover --force during a handover', () => {
  it.each([
    ['an undo, on with it', undo, { gone: B, to: A }],
    ['an undo, the other way', undo, { gone: A, to: B }],
    ['a reopening', reopen, { gone: A, to: B }],
    ['a bootstrap, on with it', bootstrap, { gone: B, to: A }],
    ['a bootstrap, the other way', bootstrap, { gone: A, to: B }],
    ['an opening, the other way', opening, { gone: B, to: A }],
    ['an opening, once more', opening, { gone: A, to: B }],
  ])('gets %s: by the word for the one that may be open', (_, topology, { gone: off, to }) => {
    // Also where the lease is lost, and cannot tell who was let open.
    const held = topology === opening ? null : lease();
    const s = gone(off, topology, { lease: held });
    const { change } = decide({ ...s, requests: [asked({ to, force: true, acceptLoss: true })] });
    expect(change?.next).toMatchObject({
      generation: 44,
      phase: 'closing',
      kind: 'failover',
      from: off,
      to,
      vouched: { closed: true, by: 'dba@host' },
    });
    const next = change?.next ?? topology;
    expect(decide(gone(off, next, { lease: held })).change?.next).toMatchObject({
      phase: 'opening',
      proof: 'operator',
      to,
      parked: expect.arrayContaining([
        { on: to, from: off },
        { on: off, from: to },
      ]),
    });
    // The word counts only while nobody gets an answer.
    const late = new Map(gone(off, next).health).set(off, silent(600, 1));
    expect(decide(gone(off, next, { lease: held, health: late })).change).toBeUndefined();
  });

  it('without --force it is refused, and says what would help', () => {
    for (const topology of [undo, reopen, bootstrap, opening, { ...opening, phase: 'closing' } as const]) {
      const refused = no(gone(topology.to === A ? B : A, topology, { requests: [asked({ to: B })] }));
      expect(refused).toMatchObject({ ok: false, detail: expect.stringContaining('--force') });
    }
  });

  it('asks which one, where both may be meant', () => {
    for (const topology of [undo, bootstrap, opening]) {
      const s = gone(topology.to === A ? B : A, topology, { requests: [asked({ force: true })] });
      expect(no(s)).toMatchObject({ ok: false, detail: expect.stringContaining('--to') });
    }
    expect(decide(gone(A, reopen, { requests: [asked({ force: true })] })).change?.next.to).toBe(B);
  });

  it('takes the old writer back, and has whoever may be open closed by its agent first', () => {
    const request = asked({ to: A, force: true });
    const both = (topology: Topology, b: Parameters<typeof word>[0], over: Over = {}) =>
      situation({
        topology,
        cluster: strict,
        sidecars: [],
        words: {
          [A]: word({ generation: 43, look: look(A, B) }),
          [B]: word({ generation: topology.generation, look: look(B, A), ...b }),
        },
        ...over,
      });
    const retried = { ...opening, phase: 'closing' } as const;
    for (const topology of [opening, retried]) {
      const s = both(topology, { did: 'watching' }, { lease: heldByB, requests: [request] });
      const next = decide(s).change?.next;
      expect(next).toMatchObject({ generation: 44, phase: 'closing', from: B, to: A });
      if (next === undefined) continue;
      expect(decide(both(next, { did: 'watching' }, { lease: heldByB })).change).toBeUndefined();
      expect(decide(both(next, { did: 'closed' }, { lease: heldByB })).change?.next).toMatchObject({
        phase: 'opening',
        proof: 'a',
      });
    }
  });

  it('needs no word for a standby that nobody let open', () => {
    const closing = { ...opening, phase: 'closing' } as const;
    const s = gone(B, closing, { requests: [asked({ to: A, force: true })], lease: lease() });
    expect(decide(s).change?.next).toMatchObject({ generation: 44, from: null, to: A });
    const held = gone(B, closing, { requests: [asked({ to: A, force: true })], lease: heldByB });
    expect(decide(held).change?.next).toMatchObject({ from: B, to: A });
  });

  it('is refused for one that may be open, answers, and that no agent reaches', () => {
    const s = situation({
      topology: opening,
      cluster: strict,
      words: { [A]: word({ generation: 43, look: look(A, B) }) },
      requests: [asked({ to: A, force: true })],
    });
    expect(no(s)).toMatchObject({ ok: false, detail: expect.stringContaining('--force does not close it') });
  });

  it('is refused for a member that does not answer itself', () => {
    const s = gone(A, undo, { requests: [asked({ to: A, force: true })] });
    expect(no(s)).toMatchObject({ ok: false, detail: expect.stringContaining(`${A} does not answer`) });
  });

  it('lets a handover end that has just succeeded', () => {
    const words = { [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }) };
    for (const force of [true, false]) {
      const s = gone(A, opening, { words, requests: [asked({ to: B, force })] });
      expect(decide(s).change).toMatchObject({ next: { phase: 'stable', writer: B }, takes: null });
    }
  });

  it('tells whoever asked for the handover that it ends', () => {
    const request = { id: 'r0', verb: 'switchover', by: 'somebody' };
    const s = gone(B, { ...undo, request }, { requests: [asked({ to: A, force: true })] });
    expect(decide(s).change?.answers).toMatchObject([{ id: 'r0', ok: false }]);
  });
});

describe('halted, and each of the two holds what the other lacks', () => {
  const histories = new Map([
    [A, { kind: 'mariadb', state: '0-1-101,0-2-50', received: '0-2-50' } as const],
    [B, { kind: 'mariadb', state: '0-1-100,0-2-51', received: '0-1-100' } as const],
  ]);
  const seen = (address: string, from: string, readOnly = true) =>
    look(address, from, {
      readOnly,
      history: histories.get(address) ?? look(address, from).history,
      links: [link(from, { io: 'no', sql: 'no' })],
    });
  const split = (topology: Topology, over: Over = {}) => {
    const { writer, generation } = topology;
    const looks = new Map([
      [A, seen(A, B, writer !== A)],
      [B, seen(B, A, writer !== B)],
    ]);
    return situation({
      topology,
      health: new Map([...looks].map(([address, l]) => [address, up(l)])),
      lastLook: looks,
      words: Object.fromEntries([...looks].map(([address, l]) => [address, word({ generation, look: l })])),
      sidecars: [],
      lease: topology.from === topology.to || topology.from === null ? lease() : heldByB,
      extraMs: new Map([
        [A, 60_000],
        [B, 60_000],
      ]),
      ...over,
    });
  };
  const kinds: readonly Partial<Topology>[] = [
    { kind: 'undo', from: B, to: A },
    { kind: 'reopen', from: A, to: A },
    { kind: 'failover', from: A, to: B },
    { kind: 'failover', from: null, to: A },
    { kind: 'bootstrap', from: null, to: A },
  ];
  const cases = kinds.flatMap((of) => [A, B].map((to) => ({ of: { ...of, phase: 'halted' } as const, to })));

  it.each(cases)(
    'after $of.kind from $of.from to $of.to: opens $to once the loss is accepted',
    ({ of, to }) => {
      const other = to === A ? B : A;
      const halted = handover(of);
      expect(decide(split(halted)).change).toBeUndefined();
      expect(no(split(halted, { requests: [asked({ to })] }))).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/holds transactions that .* lacks. .*--accept-loss/),
      });
      const begun = decide(split(halted, { requests: [asked({ to, acceptLoss: true })] })).change?.next;
      expect(begun).toMatchObject({ generation: 44, kind: 'failover', from: other, to });
      const open = decide(split(begun ?? halted)).change?.next;
      expect(open).toMatchObject({ phase: 'opening', proof: 'a', position: histories.get(other) });
      expect(open?.parked).toEqual(
        expect.arrayContaining([
          { on: to, from: other },
          { on: other, from: to },
        ]),
      );
      const opened = split(open ?? halted);
      const words = new Map(opened.agents);
      const word0 = words.get(to);
      if (word0 !== undefined) words.set(to, { ...word0, report: { ...word0.report, did: 'opened' } });
      const told = decide({ ...opened, agents: words }).change;
      expect(told?.next).toMatchObject({ phase: 'stable', writer: to });
      expect(told?.events[0]?.loss).toMatch(/^1 transaction .*accepted by dba@host/);
      const after = decide(split(told?.next ?? halted, { agents: words })).change?.next;
      expect(after?.members.find(({ address }) => address === other)?.state).toBe('diverged');
    },
  );
});
