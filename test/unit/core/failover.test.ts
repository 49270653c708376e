import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { MemberReport, Request, Topology } from '../../../src/core/model.ts';
import { readiness, tooMuchLost } from '../../../src/core/promotion.ts';
import type { Health, Situation } from '../../../src/core/situation.ts';
import { aRequest } from '../../support/documents.ts';
import {
  A,
  B,
  cluster,
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

const asked = (over: Partial<Request> = {}): Request =>
  aRequest({ id: 'r1', verb: 'failover', to: null, by: 'dba@host', ...over });
const strict = { ...cluster, policy: { ...policy, fencing: 'strict' as const } };
const alone: Partial<Topology> = { sidecars: [], routedBySidecars: false };

/** What a request brought about, committed. */
function begun(s: Situation): Topology {
  const next = decide(s).change?.next;
  if (next === undefined) throw new Error(decide(s).says);
  return next;
}
const no = (s: Situation) => decide(s).answers?.[0];

describe('a failover by hand', () => {
  it('replaces a dead writer during a pause, and within the cooldown', () => {
    const topology = stable({
      paused: { by: 'dba', untilMs: null },
      lastFailover: { to: A, atMs: 999_000 },
    });
    const s = writerDead(refused(900), { topology });
    expect(decide(s).change).toBeUndefined();
    expect(begun({ ...s, requests: [asked()] })).toMatchObject({
      generation: 43,
      phase: 'closing',
      kind: 'failover',
      from: A,
      to: B,
      asked: true,
      vouched: null,
      request: { id: 'r1', verb: 'failover', by: 'dba@host' },
    });
  });

  it('closes a live writer first, and then loses nothing: what the other lacks is waited for', () => {
    const t = begun(situation({ requests: [asked()] }));
    const a = look(A, B);
    const closed = situation({
      topology: t,
      words: { [A]: word({ generation: 43, look: a }), [B]: word({}) },
    });
    const { next } = decide(closed).change ?? {};
    expect(next).toMatchObject({ phase: 'opening', kind: 'switchover', proof: 'a', to: B, parked: [] });
    const behind = look(B, A, { history: { kind: 'mariadb', state: '0-2-50', received: '0-1-90' } });
    expect(readiness(next ?? t, behind, link(A))).toBe('waiting');
  });

  it('says that it was undone when the other one cannot catch up in time', () => {
    const request = { id: 'r1', verb: 'failover', by: 'dba@host' };
    const behind = { ...stable(), generation: 43, kind: 'switchover', from: A, to: B, request } as const;
    const late = situation({
      topology: { ...behind, phase: 'opening', writer: null },
      words: { [B]: word({ generation: 43, did: 'open-failed', detail: 'it has not caught up' }) },
    });
    const undo = begun(late);
    expect(undo).toMatchObject({ kind: 'undo', from: B, to: A, request });
    const words = { [A]: look(A, B), [B]: look(B, A) };
    const closed = Object.fromEntries(
      Object.entries(words).map(([member, seen]) => [member, word({ generation: 44, look: seen })]),
    );
    const opening = begun(situation({ topology: undo, words: closed }));
    expect(opening).toMatchObject({ kind: 'undo', phase: 'opening' });
    const open = {
      [A]: word({ generation: 44, did: 'opened', look: look(A, B) }),
      [B]: word({ generation: 44 }),
    };
    const { answers } = decide(situation({ topology: opening, words: open })).change ?? {};
    expect(answers?.[0]).toMatchObject({
      ok: false,
      detail: 'failover undone: it has not caught up. --accept-loss opens it with what it has',
    });
  });

  it('opens the other one with what it has when any loss is accepted, and records that', () => {
    const t = begun(situation({ requests: [asked({ acceptLoss: true })] }));
    const a = look(A, B);
    const s = situation({ topology: t, words: { [A]: word({ generation: 43, look: a }), [B]: word({}) } });
    const opening = decide(s).change?.next ?? t;
    expect(opening).toMatchObject({
      kind: 'failover',
      vouched: { closed: false, loss: true, by: 'dba@host' },
    });
    const bounded = { ...opening, policy: { ...policy, maxLostTransactions: 0 } };
    const behind = look(B, A, { history: { kind: 'mariadb', state: '0-2-50', received: '0-1-90' } });
    const broken = link(A, { io: 'no', sql: 'no', sqlError: 'duplicate key', drained: false });
    expect(tooMuchLost(bounded, behind)).toBeNull();
    expect(tooMuchLost({ ...bounded, vouched: null }, behind)).toContain('would be lost');
    expect(readiness(opening, behind, broken)).toBe('ready');
    const done = situation({
      topology: opening,
      words: { [B]: word({ generation: 43, did: 'opened', look: behind }) },
    });
    expect(decide(done).change?.events[0]?.loss).toMatch(/10 transactions .*accepted by dba@host/);
  });

  it('does not take the old writer back when it turns up closed: a person wants the other one', () => {
    const t = begun(writerDead(refused(900), { requests: [asked()] }));
    const s = situation({
      topology: t,
      words: { [A]: word({ generation: 43, look: look(A, B) }), [B]: word({}) },
    });
    expect(decide(s).change?.next).toMatchObject({ phase: 'opening', to: B });
    const byItself = { ...t, request: null, asked: false };
    expect(decide({ ...s, topology: byItself }).change?.next).toMatchObject({ kind: 'reopen', to: A });
  });

  it('is not begun where it could not end: nothing could prove the old writer closed', () => {
    const s = writerDead(silent(60_000), { cluster: strict, topology: stable(alone), requests: [asked()] });
    expect(no(s)).toMatchObject({ ok: false, detail: expect.stringContaining('--force') });
    const unattended = situation({ words: { [B]: word({}) }, requests: [asked()] });
    expect(no(unattended)).toMatchObject({ ok: false, detail: expect.stringContaining('switch it off') });
  });

  it('waits until it is certain that a silent writer is dead', () => {
    const s = writerDead(silent(900, 1), { requests: [asked()] });
    expect(decide(s)).toMatchObject({
      rule: 'carry out a failover',
      says: expect.stringContaining('waiting'),
    });
    expect(decide(s).change).toBeUndefined();
  });

  it('says no to a standby that is not fit, unless any loss is accepted; never to a diverged one', () => {
    const [a] = stable().members;
    const b = (fields: object) =>
      stable({ members: [a, { ...stable().members[1], ...fields }] as Topology['members'] });
    const recovering = writerDead(refused(900), {
      topology: b({ state: 'recovering' }),
      requests: [asked()],
    });
    expect(no(recovering)).toMatchObject({ ok: false });
    expect(begun({ ...recovering, requests: [asked({ acceptLoss: true })] }).to).toBe(B);
    const diverged = b({ state: 'diverged', extra: { count: 1, list: '0-2-51' } });
    const s = writerDead(refused(900), {
      topology: diverged,
      requests: [asked({ force: true, acceptLoss: true })],
    });
    expect(no(s)).toMatchObject({ ok: false, detail: expect.stringContaining('diverged') });
  });
});

describe('failover --force', () => {
  const forced = asked({ force: true });
  const dead = (health: Health, over: Parameters<typeof situation>[0] = {}) =>
    writerDead(health, { cluster: strict, topology: stable(alone), requests: [forced], ...over });

  it('lets the other open on the word of a person alone, and says so for ever', () => {
    const t = begun(dead(silent(4000)));
    expect(t.reason).toBe('asked by dba@host, who vouches that the old writer is off');
    const s = dead(silent(4000), { topology: t, requests: [] });
    expect(decide(s).change?.next).toMatchObject({ phase: 'opening', proof: 'operator' });
    expect(decide(s).alarm).toBe(true);
    expect(decide({ ...s, topology: { ...t, vouched: null } }).change).toBeUndefined();
  });

  it('does not count while the old writer answers, or its standby hears it', () => {
    const t = begun(dead(silent(4000)));
    const answers = {
      status: 'faulty',
      forMs: 9000,
      failures: 0,
      reason: 'access denied',
      look: null,
    } as const;
    expect(decide(dead(answers, { topology: t, requests: [] })).change).toBeUndefined();
    const hearing = dead(silent(4000), { topology: t, requests: [] });
    const heard = new Map([...hearing.health, [B, up(look(B, A))]]);
    expect(decide({ ...hearing, health: heard }).change).toBeUndefined();
  });

  it('does not count on a single missed probe, nor while the agent beside the server sees it', () => {
    const t = begun(dead(silent(4000)));
    const at = (health: Health, words: Readonly<Record<string, MemberReport>> = { [B]: word({}) }) =>
      decide(dead(health, { topology: t, requests: [], words })).change?.next.proof;
    expect(at(silent(600, 1))).toBeUndefined();
    expect(
      at(silent(4000), { [A]: word({ local: true, look: look(A, B), did: 'watching' }), [B]: word({}) }),
    ).toBeUndefined();
    expect(at(silent(4000))).toBe('operator');
  });

  it('is believed by a standby whose heartbeats are far apart, once it has received nothing for a moment', () => {
    const t = begun(dead(silent(4000)));
    const at = (quietMs: number) => {
      const b = look(B, A, { links: [link(A, { heartbeatMs: 30_000, quietMs })] });
      const health = new Map([
        [A, silent(4000)],
        [B, up(b)],
      ]);
      return decide(dead(silent(4000), { topology: t, requests: [], health })).change?.next.proof;
    };
    expect(at(2000)).toBeUndefined();
    expect(at(4000)).toBe('operator');
  });

  it('is refused for a writer that lives and that no agent reaches', () => {
    const s = situation({ words: { [B]: word({}) }, requests: [forced] });
    expect(no(s)).toMatchObject({ ok: false, detail: expect.stringContaining('--force does not close it') });
  });

  it('does not outlive its handover: the next one has to be proven again', () => {
    const t = begun(dead(silent(4000)));
    const halted: Topology = { ...t, phase: 'halted', reason: 'disk full', request: null };
    const s = dead(silent(60_000), { topology: halted, requests: [], phaseMs: 60_000 });
    expect(decide(s).change?.next.vouched ?? null).toBeNull();
  });

  it('gets a handover going that waits for a proof in vain', () => {
    const stuck = stable({
      ...alone,
      phase: 'closing',
      kind: 'failover',
      writer: null,
      from: A,
      to: B,
      generation: 43,
    });
    const s = dead(silent(60_000), { topology: stuck });
    expect(begun(s)).toMatchObject({ generation: 44, from: A, to: B, vouched: { closed: true } });
    expect(no({ ...s, requests: [asked()] })).toMatchObject({ ok: false });
  });
});

describe('without a topology', () => {
  const lost = (b: Health, over: Parameters<typeof situation>[0] = {}) =>
    situation({
      topology: null,
      words: { [A]: word({ did: 'watching' }), [B]: word({ did: 'watching' }) },
      sidecars: [],
      health: new Map([
        [A, up(look(A, B, { links: [link(B, { io: 'connecting', lagSeconds: null })] }))],
        [B, b],
      ]),
      ...over,
    });

  it('a lone member is opened by failover --force, and by nothing less', () => {
    const s = lost(silent(60_000), { cluster: strict });
    expect(decide(s).change).toBeUndefined();
    expect(no({ ...s, requests: [asked()] })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('--force'),
    });
    const t = begun({ ...s, requests: [asked({ force: true })] });
    expect(t).toMatchObject({ phase: 'closing', from: B, to: A, vouched: { closed: true } });
    const opening = decide({ ...s, topology: t }).change?.next;
    expect(opening).toMatchObject({
      phase: 'opening',
      proof: 'operator',
      parked: [
        { on: A, from: B },
        { on: B, from: A },
      ],
    });
  });

  it('of two that each hold what the other lacks, the one a person names, with the loss accepted', () => {
    const other = look(B, A, { history: { kind: 'mariadb', state: '0-1-90,0-2-60', received: '0-1-90' } });
    const s = lost(up(other));
    expect(decide(s)).toMatchObject({ says: expect.stringContaining('a person must decide') });
    expect(no({ ...s, requests: [asked()] })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('--to'),
    });
    expect(no({ ...s, requests: [asked({ to: A })] })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('--accept-loss'),
    });
    const t = begun({ ...s, requests: [asked({ to: A, acceptLoss: true })] });
    expect(t).toMatchObject({ from: B, to: A, vouched: { closed: false, loss: true } });
    // The other one must be closed by its agent first.
    expect(decide({ ...s, topology: t }).change).toBeUndefined();
  });

  it('does not force what takes writes already', () => {
    const open = lost(up(look(B, A, { readOnly: false })), { requests: [asked({ force: true })] });
    expect(no(open)).toMatchObject({ ok: false, detail: expect.stringContaining('is adopted') });
  });
});
