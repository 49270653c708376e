import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Request, Topology } from '../../../src/core/model.ts';
import {
  A,
  B,
  C,
  cluster,
  link,
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

const closing = (over: Partial<Topology> = {}) =>
  stable({
    phase: 'closing',
    kind: 'failover',
    writer: null,
    from: A,
    to: B,
    generation: 43,
    step: 0,
    ...over,
  });
const request = (over: Partial<Request> = {}): Request => ({
  v: 1,
  id: 'r1',
  verb: 'switchover',
  to: null,
  sidecar: null,
  member: null,
  forMs: null,
  force: false,
  acceptLoss: false,
  by: 'dba@host',
  ...over,
});

describe('a calm cluster', () => {
  it('is left alone', () => {
    expect(decide(situation()).change).toBeUndefined();
  });
});

describe('a dead writer', () => {
  it('is replaced once the refusal is confirmed', () => {
    const { change, rule } = decide(writerDead(refused(200)));
    expect(rule).toBe('replace a dead writer');
    expect(change?.next).toMatchObject({ generation: 43, phase: 'closing', from: A, to: B, writer: null });
    expect(change?.legacy).toBeNull();
  });

  it('is not replaced before that', () => {
    expect(decide(writerDead(refused(199))).change).toBeUndefined();
  });

  it('is not replaced while the standby still hears it', () => {
    const hearing = writerDead(refused(5000), {});
    const s = {
      ...hearing,
      health: new Map([
        [A, refused(5000)],
        [B, up(look(B, A))],
      ]),
    };
    expect(decide(s).change).toBeUndefined();
  });

  it('is not replaced for a wrong password or too many connections', () => {
    const faulty = {
      status: 'faulty',
      forMs: 60_000,
      failures: 0,
      reason: 'too many connections',
      look: null,
    } as const;
    expect(decide(writerDead(faulty)).change).toBeUndefined();
  });

  it('is replaced when silent for freeze_timeout where sidecars can cut it', () => {
    expect(decide(writerDead(silent(3000))).change?.next.phase).toBe('closing');
    expect(decide(writerDead(silent(2999))).change).toBeUndefined();
  });

  it('is replaced only after silence where nothing but time can prove anything', () => {
    const topology = stable({ sidecars: [], routedBySidecars: false });
    expect(decide(writerDead(silent(9999), { topology })).change).toBeUndefined();
    expect(decide(writerDead(silent(10_000), { topology })).change?.next.phase).toBe('closing');
  });

  it('stays while paused, and says so', () => {
    const d = decide(
      writerDead(refused(500), { topology: stable({ paused: { by: 'dba', untilMs: null } }) }),
    );
    expect(d).toMatchObject({ alarm: true });
    expect(d.change).toBeUndefined();
    expect(d.says).toContain('paused by dba');
  });

  it('is not closed when strict fencing could never prove it', () => {
    const strict = { ...cluster, policy: { ...policy, fencing: 'strict' as const } };
    expect(decide(writerDead(refused(500), { cluster: strict })).change).toBeUndefined();
  });

  it('is not replaced by a diverged standby', () => {
    const diverged = stable({
      members: [
        { address: A, role: 'writer', kind: 'master', state: 'online' },
        {
          address: B,
          role: 'standby',
          kind: 'master',
          state: 'diverged',
          extra: { count: 2, list: '0-2-51..52' },
        },
      ],
    });
    expect(decide(writerDead(refused(500), { topology: diverged })).says).toContain('diverged');
  });

  it('that is only silent is not cut off while a registered sidecar could never cut it', () => {
    const s = writerDead(silent(20_000), { topology: stable({ sidecars: ['ghost', 'proxy1'] }) });
    expect(decide(s).change).toBeUndefined();
  });

  it('is not replaced when nobody reports on the standby', () => {
    expect(decide(writerDead(refused(500), { words: {} })).says).toContain('mmm-agent');
  });
});

describe('closing', () => {
  it('waits for the cut of every registered sidecar', () => {
    const topology = closing({ sidecars: ['proxy1', 'proxy2'] });
    const one = writerDead(refused(300), {
      topology,
      sidecars: [sidecar('proxy1', 43, 'cut'), sidecar('proxy2', 42, 'routed')],
    });
    expect(decide(one).says).toContain('sidecar proxy2');
    const both = writerDead(refused(300), {
      topology,
      sidecars: [sidecar('proxy1', 43, 'cut'), sidecar('proxy2', 43, 'cut')],
    });
    expect(decide(both).change?.next).toMatchObject({
      phase: 'opening',
      proof: 'e',
      parked: [
        { on: B, from: A },
        { on: A, from: B },
      ],
    });
  });

  it('waits for the agent while the old writer answers: a cut does not tell where its history ends', () => {
    const topology = closing({ kind: 'switchover' });
    const s = situation({ topology, phaseMs: 5, words: {}, sidecars: [sidecar('proxy1', 43, 'cut')] });
    expect(decide(s).change).toBeUndefined();
  });

  it('does not take a cut of an older generation', () => {
    const s = writerDead(refused(300), { topology: closing(), sidecars: [sidecar('proxy1', 42, 'cut')] });
    expect(decide(s).change).toBeUndefined();
  });

  it('takes a refused server that starts closed as gone for certain', () => {
    const words = { [A]: word({ did: 'unreachable', startsClosed: true }), [B]: word({ look: look(B, A) }) };
    expect(
      decide(writerDead(refused(300), { topology: closing(), words, sidecars: [] })).change?.next.proof,
    ).toBe('b');
  });

  it('takes the weak proof only where no sidecar ever routed', () => {
    const never = closing({ sidecars: [], routedBySidecars: false });
    expect(decide(writerDead(refused(300), { topology: never })).change?.next.proof).toBe('b-weak');
    const left = closing({ sidecars: [], routedBySidecars: true });
    expect(decide(writerDead(refused(300), { topology: left })).change).toBeUndefined();
  });

  it("does not take an agent's report of an older generation", () => {
    const words = { [A]: word({ generation: 42, look: look(A, B) }), [B]: word({ look: look(B, A) }) };
    const s = situation({ topology: closing({ kind: 'switchover' }), phaseMs: 10, words, sidecars: [] });
    expect(decide(s).change).toBeUndefined();
  });

  it('gives a returned writer its place back when nothing was opened yet', () => {
    const words = {
      [A]: word({ generation: 43, look: look(A, B) }),
      [B]: word({ generation: 43, look: look(B, A) }),
    };
    const d = decide(situation({ topology: closing(), words }));
    expect(d.change?.next).toMatchObject({ generation: 44, kind: 'reopen', from: A, to: A });
  });

  it('remembers the exact end of the old writer in a switchover', () => {
    const end = look(A, B);
    const words = {
      [A]: word({ generation: 43, look: end }),
      [B]: word({ generation: 43, look: look(B, A) }),
    };
    const d = decide(situation({ topology: closing({ kind: 'switchover' }), words }));
    expect(d.change?.next).toMatchObject({
      phase: 'opening',
      kind: 'switchover',
      proof: 'a',
      position: end.history,
      parked: [],
    });
  });
});

describe('a switchover', () => {
  it('begins when asked, and takes the request with it', () => {
    const d = decide(situation({ requests: [request({ to: B })] }));
    expect(d.change).toMatchObject({
      takes: 'r1',
      next: { kind: 'switchover', phase: 'closing', from: A, to: B },
    });
  });

  it('is refused with a reason: unknown member, the writer itself, a lagging standby', () => {
    const refusal = (to: string) => decide(situation({ requests: [request({ to })] }));
    expect(refusal(C).answers?.[0]).toMatchObject({ ok: false });
    expect(refusal(A).answers?.[0]?.detail).toContain('already');
    const s = situation({ requests: [request()] });
    const lagging = new Map(s.health).set(B, up(look(B, A, { links: [link(A, { lagSeconds: 31 })] })));
    expect(decide({ ...s, health: lagging }).answers?.[0]?.detail).toContain('31 s behind');
  });

  it('straight after another is not refused on a look at the writer that is older than its opening', () => {
    const before = look(A, B, {
      readOnly: false,
      history: { kind: 'mariadb', state: '0-1-100,0-2-50', received: '0-2-50' },
    });
    const follower = look(B, A, {
      history: { kind: 'mariadb', state: '0-1-100,0-2-58', received: '0-1-100' },
    });
    const s = situation({ requests: [request({ to: B })], extraMs: new Map([[B, 300]]) });
    const looks = new Map([
      [A, before],
      [B, follower],
    ]);
    const d = decide({ ...s, lastLook: looks, health: new Map([...looks].map(([a, l]) => [a, up(l)])) });
    expect(d.change?.next).toMatchObject({ kind: 'switchover', phase: 'closing' });
  });

  it('is not refused by an identify that has only just begun to listen', () => {
    const s = { requests: [request({ to: B })], words: {} };
    expect(decide(situation({ ...s, watchedMs: 1000 })).answers).toBeUndefined();
    expect(decide(situation({ ...s, watchedMs: 3000 })).answers?.[0]).toMatchObject({ ok: false });
  });

  it('is undone when the writer could not be closed', () => {
    const words = {
      [A]: word({ generation: 43, did: 'close-failed', detail: 'blocked by connection 7' }),
      [B]: word({}),
    };
    const topology = closing({ kind: 'switchover', request: { id: 'r1', verb: 'switchover', by: 'dba' } });
    const d = decide(situation({ topology, words, sidecars: [], phaseMs: 900 }));
    expect(d.change?.next).toMatchObject({
      generation: 44,
      kind: 'undo',
      from: null,
      to: A,
      request: { id: 'r1' },
    });
    expect(d.change?.next.reason).toContain('blocked by connection 7');
  });

  it('is undone when nobody reports in time', () => {
    const topology = closing({ kind: 'switchover' });
    const s = (phaseMs: number) => decide(situation({ topology, words: {}, sidecars: [], phaseMs }));
    expect(s(1200).change).toBeUndefined();
    expect(s(1250).change?.next).toMatchObject({ kind: 'undo', phase: 'closing', from: null, to: A });
  });

  it('whose agent died before it closed anything is over at once: the old writer never stopped', () => {
    const topology = closing({ kind: 'switchover', request: { id: 'r1', verb: 'switchover', by: 'dba' } });
    const health = new Map([
      [A, up(look(A, B, { readOnly: false }))],
      [B, up(look(B, A))],
    ]);
    const { change } = decide(
      situation({ topology, words: {}, sidecars: [], phaseMs: 1300, health, legacyWriter: A }),
    );
    expect(change).toMatchObject({
      announce: false,
      next: { generation: 44, phase: 'stable', writer: A },
      answers: [{ ok: false }],
    });
  });

  it('ends with the keys, the message and the answer in one change', () => {
    const topology = closing({
      phase: 'opening',
      kind: 'switchover',
      proof: 'a',
      request: { id: 'r1', verb: 'switchover', by: 'dba' },
    });
    const words = {
      [A]: word({ generation: 43 }),
      [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }),
    };
    const { change } = decide(situation({ topology, words, legacyWriter: A }));
    expect(change).toMatchObject({
      announce: true,
      legacy: { active: B, passive: A },
      next: { phase: 'stable', writer: B, request: null },
      answers: [{ id: 'r1', ok: true }],
    });
    expect(change?.next.members.map((m) => [m.address, m.role, m.state])).toEqual([
      [A, 'standby', 'online'],
      [B, 'writer', 'online'],
    ]);
  });

  it('that was undone answers with the reason and sends no message', () => {
    const topology = stable({
      phase: 'opening',
      kind: 'undo',
      writer: null,
      from: B,
      to: A,
      generation: 44,
      reason: 'switchover undone: blocked',
      request: { id: 'r1', verb: 'switchover', by: 'dba' },
    });
    const words = {
      [A]: word({ generation: 44, did: 'opened', look: look(A, B, { readOnly: false }) }),
      [B]: word({ generation: 44 }),
    };
    const { change } = decide(situation({ topology, words, legacyWriter: A }));
    expect(change).toMatchObject({
      announce: false,
      answers: [{ ok: false, detail: 'switchover undone: blocked' }],
    });
  });
});

describe('opening', () => {
  const opening = closing({
    phase: 'opening',
    proof: 'e',
    parked: [{ on: B, from: A }],
    position: look(A, B).history,
  });

  it('that fails after a crash halts with the reason', () => {
    const words = {
      [B]: word({ generation: 43, did: 'open-failed', detail: 'the relay log cannot be applied' }),
    };
    const { change } = decide(writerDead(refused(900), { topology: opening, words }));
    expect(change?.next).toMatchObject({
      phase: 'halted',
      reason: 'the relay log cannot be applied',
      writer: null,
    });
    expect(change?.legacy).toBeNull();
  });

  it('that succeeds after a crash leaves the old writer offline and the link parked', () => {
    const words = { [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }) };
    const { change } = decide(writerDead(refused(900), { topology: opening, words, legacyWriter: A }));
    expect(change?.next).toMatchObject({ phase: 'stable', writer: B, parked: [{ on: B, from: A }] });
    expect(change?.next.members[0]).toMatchObject({ address: A, state: 'offline' });
    expect(change?.events[0]?.loss).toContain('none seen');
  });

  it('of a switchover that takes too long is undone, by a proof that nothing was opened', () => {
    const topology: Topology = { ...opening, kind: 'switchover', parked: [] };
    const words = {
      [A]: word({ generation: 43 }),
      [B]: word({ generation: 43, did: 'unreachable', detail: 'too many connections' }),
    };
    const s = (phaseMs: number) => decide(situation({ topology, words, phaseMs }));
    expect(s(2000).change).toBeUndefined();
    expect(s(2001).change?.next).toMatchObject({ kind: 'undo', phase: 'closing', from: B, to: A });
  });

  it('is left alone while the agent is away', () => {
    expect(decide(writerDead(refused(900), { topology: opening, words: {} })).change).toBeUndefined();
  });

  it('does not take "opened" of an older generation', () => {
    const words = { [B]: word({ generation: 41, did: 'opened', look: look(B, A, { readOnly: false }) }) };
    expect(decide(writerDead(refused(900), { topology: opening, words })).change).toBeUndefined();
  });
});

describe('halted', () => {
  const halted = closing({
    phase: 'halted',
    reason: 'the relay log cannot be applied',
    parked: [{ on: B, from: A }],
  });

  it('ends when the last writer is back, closed and complete', () => {
    const words = {
      [A]: word({ generation: 43, look: look(A, B) }),
      [B]: word({ generation: 43, look: look(B, A) }),
    };
    const { change } = decide(situation({ topology: halted, words }));
    // The standby may have been opened without anybody hearing of it: it is proven closed first.
    expect(change?.next).toMatchObject({ kind: 'undo', from: B, to: A });
  });

  it('promotes the standby when the last writer is back with less', () => {
    const less = look(A, B, { history: { kind: 'mariadb', state: '0-1-90,0-2-50', received: '0-2-50' } });
    const more = look(B, A, { links: [link(A, { io: 'no', sql: 'no' })] });
    const words = { [A]: word({ generation: 43, look: less }), [B]: word({ generation: 43, look: more }) };
    const looks = new Map([
      [A, less],
      [B, more],
    ]);
    const health = new Map([...looks].map(([a, l]) => [a, up(l)]));
    const s = situation({ topology: halted, words, health, lastLook: looks, phaseMs: 5000 });
    expect(decide(s).change?.next).toMatchObject({ kind: 'failover', from: A, to: B });
  });

  it('after a writer that died while it was opened again: its standby takes over', () => {
    const topology: Topology = { ...halted, kind: 'reopen', from: A, to: A, parked: [] };
    const s = writerDead(refused(9000), { topology, phaseMs: 5000 });
    expect(decide(s).change?.next).toMatchObject({ kind: 'failover', from: A, to: B });
  });

  it('does not try the same server again and again: each attempt cuts its readers', () => {
    const topology: Topology = { ...halted, kind: 'reopen', from: A, to: A, parked: [] };
    const behind = look(B, A, { history: { kind: 'mariadb', state: '0-1-90,0-2-50', received: '0-1-90' } });
    const words = {
      [A]: word({ generation: 43, look: look(A, B) }),
      [B]: word({ generation: 43, look: behind }),
    };
    const looks = new Map([
      [A, look(A, B)],
      [B, behind],
    ]);
    const health = new Map([...looks].map(([a, l]) => [a, up(l)]));
    const s = { topology, words, health, lastLook: looks };
    expect(decide(situation({ ...s, phaseMs: 9999 })).change).toBeUndefined();
    expect(decide(situation({ ...s, phaseMs: 10_000 })).change?.next.kind).toBe('reopen');
  });

  it('can be resumed', () => {
    const topology = { ...halted, paused: { by: 'dba', untilMs: null } };
    const d = decide(writerDead(refused(900), { topology, requests: [request({ verb: 'resume' })] }));
    expect(d.change).toMatchObject({ takes: 'r1', next: { paused: null, phase: 'halted' } });
  });

  it('tries the standby again when its error is gone', () => {
    const broken = look(B, A, {
      links: [link(A, { io: 'no', sql: 'no', drained: false, sqlError: '1062 duplicate' })],
    });
    const mended = look(B, A, { links: [link(A, { io: 'no', sql: 'no', drained: true })] });
    const s = writerDead(refused(900), { topology: halted, phaseMs: 3000 });
    expect(
      decide({
        ...s,
        health: new Map([
          [A, refused(900)],
          [B, up(broken)],
        ]),
      }).change,
    ).toBeUndefined();
    expect(
      decide({
        ...s,
        health: new Map([
          [A, refused(900)],
          [B, up(mended)],
        ]),
      }).change?.next,
    ).toMatchObject({ kind: 'failover', to: B });
  });
});

describe('the old writer returns', () => {
  const after = stable({
    generation: 43,
    kind: 'failover',
    writer: B,
    from: A,
    to: B,
    members: [
      { address: A, role: 'standby', kind: 'master', state: 'offline' },
      { address: B, role: 'writer', kind: 'master', state: 'online' },
    ],
    parked: [
      { on: B, from: A },
      { on: A, from: B },
    ],
  });
  const stopped = [link(B, { io: 'no', sql: 'no', lagSeconds: null })];
  const writerB = look(B, A, {
    readOnly: false,
    history: { kind: 'mariadb', state: '0-1-100,0-2-150', received: '0-1-100' },
    links: [link(A, { io: 'no', sql: 'no' })],
  });
  const returned = (seen: ReturnType<typeof look>, over: Parameters<typeof situation>[0] = {}) =>
    situation({
      topology: after,
      health: new Map([
        [A, up(seen)],
        [B, up(writerB)],
      ]),
      words: {
        [A]: word({ generation: 43, look: seen }),
        [B]: word({ generation: 43, did: 'opened', look: writerB }),
      },
      sidecars: [sidecar('proxy1', 43, 'routed')],
      ...over,
    });

  it('with nothing extra: it may replicate again, the link back stays parked', () => {
    const { change } = decide(returned(look(A, B, { links: stopped })));
    expect(change?.next.members[0]).toMatchObject({ state: 'recovering' });
    expect(change?.next.parked).toEqual([{ on: B, from: A }]);
  });

  it('and only when it runs, the link back is let go', () => {
    const topology = {
      ...after,
      members: [{ ...after.members[0], state: 'recovering' }, after.members[1]],
    } as Topology;
    const { change } = decide(returned(look(A, B), { topology }));
    expect(change?.next.members[0]).toMatchObject({ state: 'online' });
    expect(change?.next.parked).toEqual([]);
  });

  it('with transactions of its own: diverged, named, parked both ways', () => {
    const extra = look(A, B, {
      links: stopped,
      history: { kind: 'mariadb', state: '0-1-103,0-2-50', received: '0-2-50' },
    });
    expect(decide(returned(extra)).change).toBeUndefined();
    const { change } = decide(returned(extra, { extraMs: new Map([[A, 2000]]) }));
    expect(change?.next.members[0]).toMatchObject({
      state: 'diverged',
      extra: { count: 3, list: '0-1-101..103' },
    });
    expect(change?.next.parked).toHaveLength(2);
    expect(change?.events[0]).toMatchObject({
      kind: 'diverged',
      loss: 'up to 3 transactions (0-1-101..103)',
    });
  });

  it('is not believed to be clean before its agent has closed it', () => {
    const words = { [B]: word({ generation: 43, did: 'opened', look: writerB }) };
    expect(decide(returned(look(A, B, { links: stopped }), { words })).change).toBeUndefined();
    const older = { ...words, [A]: word({ generation: 42, look: look(A, B) }) };
    expect(decide(returned(look(A, B, { links: stopped }), { words: older })).change).toBeUndefined();
  });
});

describe('the writer restarted closed', () => {
  const reopening = closing({ kind: 'reopen', from: A, to: A });

  it('need not be closed again: a prepared transaction must not keep it shut', () => {
    const words = { [A]: word({ generation: 43, did: 'watching', look: look(A, B) }), [B]: word({}) };
    expect(decide(situation({ topology: reopening, words, phaseMs: 20 })).change?.next).toMatchObject({
      phase: 'opening',
      proof: null,
    });
    expect(decide(situation({ topology: reopening, words: {}, phaseMs: 20 })).change).toBeUndefined();
  });

  it('and died again: its standby takes over at once', () => {
    const s = writerDead(refused(300), { topology: reopening, phaseMs: 400 });
    expect(decide(s).change?.next).toMatchObject({ generation: 44, kind: 'failover', from: A, to: B });
  });

  it('without the end of its binlog is passed over: its numbers are taken', () => {
    const short = look(A, B, { history: { kind: 'mariadb', state: '0-1-97,0-2-50', received: '0-2-50' } });
    const standby = look(B, A);
    const words = {
      [A]: word({ generation: 43, did: 'watching', look: short }),
      [B]: word({ look: standby }),
    };
    const looks = new Map([
      [A, short],
      [B, standby],
    ]);
    const s = { topology: reopening, words, lastLook: looks, phaseMs: 20 };
    const { change } = decide(situation(s));
    expect(change?.next).toMatchObject({ kind: 'failover', from: A, to: B });
    expect(change?.next.reason).toContain('0-1-98..100');
    const apart = look(B, A, { history: { kind: 'mariadb', state: '0-1-96,0-2-120', received: '0-1-96' } });
    const other = decide(situation({ ...s, lastLook: new Map([...looks, [B, apart]]) }));
    expect(other.change?.next.phase).toBe('halted');
  });

  it('is opened again under a new generation when both monitor and agent see it', () => {
    const closed = look(A, B);
    const s = situation({
      health: new Map([
        [A, up(closed)],
        [B, up(look(B, A))],
      ]),
      words: { [A]: word({ did: 'watching', look: closed }), [B]: word({ look: look(B, A) }) },
    });
    expect(decide(s).change?.next).toMatchObject({ generation: 43, kind: 'reopen', from: A, to: A });
  });

  it("is not reopened on a monitor's old look alone", () => {
    const s = situation({
      health: new Map([
        [A, up(look(A, B))],
        [B, up(look(B, A))],
      ]),
    });
    expect(decide(s).change).toBeUndefined();
  });
});

describe('bootstrap', () => {
  const none = (
    a: ReturnType<typeof look>,
    b: ReturnType<typeof look>,
    over: Parameters<typeof situation>[0] = {},
  ) =>
    situation({
      topology: null,
      floor: 0,
      legacyWriter: null,
      health: new Map([
        [A, up(a)],
        [B, up(b)],
      ]),
      ...over,
    });

  it('adopts the only writable member and announces it once', () => {
    const { change } = decide(none(look(A, B), look(B, A, { readOnly: false })));
    expect(change).toMatchObject({
      announce: true,
      legacy: { active: B, passive: A },
      next: { phase: 'stable', writer: B, generation: 1 },
    });
  });

  it("moves and announces nothing where the ancestor's keys say the same", () => {
    const { change } = decide(none(look(A, B, { readOnly: false }), look(B, A), { legacyWriter: A }));
    expect(change).toMatchObject({ announce: false, next: { writer: A } });
  });

  it("adopts the only writable member also where the ancestor's keys name the other, and says so", () => {
    const both = [look(A, B, { readOnly: false }), look(B, A)] as const;
    const decision = decide(none(...both, { legacyWriter: B }));
    expect(decision.change).toMatchObject({ announce: true, next: { phase: 'stable', writer: A } });
    expect(decision.says).toContain(`instead of ${B}, which the ancestor's keys name`);
  });

  it("keeps the ancestor's master before primaryhost where nothing else tells them apart", () => {
    const legacyWriter = B;
    const open = [look(A, B, { readOnly: false }), look(B, A, { readOnly: false })] as const;
    expect(decide(none(...open)).change?.next.to).toBe(A);
    expect(decide(none(...open, { legacyWriter })).change?.next.to).toBe(B);
    const busy = [look(A, B, { readOnly: false, clients: 1 }), open[1]] as const;
    expect(decide(none(...busy, { legacyWriter })).change?.next.to).toBe(A);
    expect(decide(none(look(A, B), look(B, A), { legacyWriter })).change?.next.to).toBe(B);
    const behind = look(B, A, { history: { kind: 'mariadb', state: '0-1-90,0-2-50', received: '0-1-90' } });
    expect(decide(none(look(A, B), behind, { legacyWriter })).change?.next.to).toBe(A);
    const stranger = '10.66.66.66:3306';
    expect(decide(none(...open, { legacyWriter: stranger })).change?.next.to).toBe(A);
  });

  it('goes above every floor when redis came back empty', () => {
    expect(
      decide(none(look(A, B, { readOnly: false }), look(B, A), { floor: 57 })).change?.next.generation,
    ).toBe(58);
  });

  it('closes one of two writable members first: the one with fewer clients', () => {
    const { change } = decide(
      none(look(A, B, { readOnly: false, clients: 1 }), look(B, A, { readOnly: false, clients: 9 })),
    );
    expect(change?.next).toMatchObject({ phase: 'closing', to: B, writer: null });
  });

  it('opens the member that holds everything, primaryhost on a tie', () => {
    expect(decide(none(look(A, B), look(B, A))).change?.next).toMatchObject({ phase: 'closing', to: A });
    const ahead = look(B, A, { history: { kind: 'mariadb', state: '0-1-100,0-2-60', received: '0-1-100' } });
    expect(decide(none(look(A, B), ahead)).change?.next.to).toBe(B);
  });

  it('opens nobody when each holds what the other lacks, or when one cannot be read', () => {
    const mine = look(A, B, { history: { kind: 'mariadb', state: '0-1-110,0-2-50', received: '0-2-50' } });
    const yours = look(B, A, { history: { kind: 'mariadb', state: '0-1-100,0-2-60', received: '0-1-100' } });
    expect(decide(none(mine, yours))).toMatchObject({ alarm: true });
    expect(decide(none(mine, yours)).change).toBeUndefined();
    const s = none(look(A, B), look(B, A));
    expect(
      decide({
        ...s,
        health: new Map([
          [A, up(look(A, B))],
          [B, refused(99_000)],
        ]),
      }).change,
    ).toBeUndefined();
  });

  it('waits for two rounds of reports first', () => {
    expect(
      decide(none(look(A, B, { readOnly: false }), look(B, A), { watchedMs: 1000 })).change,
    ).toBeUndefined();
  });
});

describe('members are a list', () => {
  it('three masters: the fit standby takes over, the broken one is passed by', () => {
    const three = { ...cluster, masters: [A, B, C] };
    const topology = stable({
      members: [...stable().members, { address: C, role: 'standby', kind: 'master', state: 'online' }],
    });
    const broken = (x: string) => look(x, A, { links: [link(A, { io: 'connecting' })] });
    const s = writerDead(refused(300), {
      cluster: three,
      topology,
      health: new Map([
        [A, refused(300)],
        [B, refused(5000)],
        [C, up(broken(C))],
      ]),
      words: { [C]: word({ look: broken(C) }) },
    });
    expect(decide(s).change?.next).toMatchObject({ phase: 'closing', from: A, to: C });
  });
});

describe('pause, resume, forget, the register', () => {
  it('pause is stored, answered and told', () => {
    const { change } = decide(situation({ requests: [request({ verb: 'pause' })] }));
    expect(change).toMatchObject({
      takes: 'r1',
      next: { paused: { by: 'dba@host' }, step: 4, generation: 42 },
      answers: [{ ok: true }],
    });
    expect(change?.events).toHaveLength(1);
  });

  it('a sidecar is registered when it reports, and taken off when it says goodbye', () => {
    const s = situation({ sidecars: [sidecar('proxy1', 42, 'routed'), sidecar('proxy2', 42, 'watching')] });
    expect(decide(s).change?.next.sidecars).toEqual(['proxy1', 'proxy2']);
    const bye = sidecar('proxy1', 42, 'routed');
    const leaving = situation({ sidecars: [{ ...bye, report: { ...bye.report, leaving: true } }] });
    expect(decide(leaving).change?.next).toMatchObject({ sidecars: [], routedBySidecars: true });
  });

  it('a sidecar that merely writes files is not waited for', () => {
    const files = sidecar('files', 42, 'watching');
    const s = situation({
      sidecars: [sidecar('proxy1', 42, 'routed'), { ...files, report: { ...files.report, serves: [] } }],
    });
    expect(decide(s).change).toBeUndefined();
  });

  it('one that is silent stays registered until it is forgotten', () => {
    expect(decide(situation({ sidecars: [] })).change).toBeUndefined();
    const { change } = decide(
      situation({ sidecars: [], requests: [request({ verb: 'forget', sidecar: 'proxy1' })] }),
    );
    expect(change?.next.sidecars).toEqual([]);
  });

  it('requests are refused during a handover', () => {
    const d = decide(situation({ topology: closing(), requests: [request()], words: {} }));
    expect(d.answers?.[0]).toMatchObject({ ok: false });
  });
});
