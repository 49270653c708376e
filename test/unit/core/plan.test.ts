import { describe, expect, it } from 'vitest';
import type { Link, Topology } from '../../../src/core/model.ts';
import { plan, type Remembered } from '../../../src/core/plan.ts';
import { readiness, tooMuchLost } from '../../../src/core/promotion.ts';
import { A, B, link, look, policy, stable, word } from '../../support/world.ts';

const none: Remembered = { last: null, spent: 0, givenUp: 0, peers: new Map() };
const handover = (phase: Topology['phase'], over: Partial<Topology> = {}) =>
  stable({ phase, kind: 'switchover', generation: 43, writer: null, from: A, to: B, ...over });

describe('the agent beside a standby', () => {
  it('closes it when it is writable', () => {
    expect(plan(stable(), B, look(B, A, { readOnly: false }), none)).toMatchObject({
      do: 'close',
      gentle: false,
    });
  });

  it('starts a link that was stopped, whatever stopped it; not one that fails, not while paused', () => {
    const seen = (over: Partial<Link>) => look(B, A, { links: [link(A, { io: 'no', sql: 'no', ...over })] });
    expect(plan(stable(), B, seen({}), none)).toEqual({ do: 'start-link', from: A });
    expect(plan(stable(), B, seen({ sqlError: 'error 1950' }), none).do).toBe('start-link');
    expect(plan(stable(), B, seen({ io: 'yes', sqlError: 'error 1062' }), none).do).toBe('report');
    expect(plan(stable({ paused: { by: 'dba', untilMs: null } }), B, seen({}), none).do).toBe('report');
  });

  it('never starts a parked link, and stops one that runs', () => {
    const t = stable({ parked: [{ on: B, from: A }] });
    expect(plan(t, B, look(B, A, { links: [link(A, { io: 'no', sql: 'no' })] }), none).do).toBe('report');
    expect(plan(t, B, look(B, A), none)).toEqual({ do: 'stop-link', from: A });
  });

  it('knows a parked link by the server id when the name differs', () => {
    const t = stable({ parked: [{ on: B, from: A }] });
    const seen = look(B, A, { links: [link('db-a.internal:3308', { fromServerId: 1 })] });
    expect(plan(t, B, seen, { ...none, peers: new Map([[A, look(A, B)]]) })).toEqual({
      do: 'stop-link',
      from: 'db-a.internal:3308',
    });
  });
});

describe('the agent beside the writer', () => {
  it('leaves it open, and never opens it again by itself', () => {
    expect(plan(stable(), A, look(A, B, { readOnly: false }), none)).toMatchObject({
      do: 'report',
      did: 'opened',
    });
    expect(plan(stable(), A, look(A, B), none)).toMatchObject({ do: 'report', did: 'watching' });
  });

  it('does not listen to a standby that is not online', () => {
    const offline = stable({
      members: [
        { address: A, role: 'writer', kind: 'master', state: 'online' },
        { address: B, role: 'standby', kind: 'master', state: 'offline' },
      ],
    });
    const seen = look(A, B, { readOnly: false, links: [link(B, { io: 'no', sql: 'no' })] });
    expect(plan(offline, A, seen, none).do).toBe('report');
    expect(plan(stable(), A, seen, none)).toEqual({ do: 'start-link', from: B });
    // One that flaps goes on replicating both ways: it may have to take over.
    const members = stable().members.map((m) => (m.address === B ? { ...m, state: 'flapping' as const } : m));
    expect(plan(stable({ members }), A, seen, none)).toEqual({ do: 'start-link', from: B });
    const stopped = look(B, A, { links: [link(A, { io: 'no', sql: 'no' })] });
    expect(plan(stable({ members }), B, stopped, none)).toEqual({ do: 'start-link', from: A });
  });
});

describe('closing', () => {
  it('proves even a server that is read-only already: its sessions may be older', () => {
    expect(plan(handover('closing'), A, look(A, B), none)).toMatchObject({
      do: 'close',
      gentle: true,
      withinMs: 1000,
    });
  });

  it('is done once per generation', () => {
    const last = word({ generation: 43, did: 'closed' });
    expect(plan(handover('closing'), A, look(A, B), { ...none, last })).toMatchObject({
      do: 'report',
      did: 'closed',
    });
    const older = word({ generation: 42, did: 'closed' });
    expect(plan(handover('closing'), A, look(A, B), { ...none, last: older }).do).toBe('close');
  });

  it('that failed gently is final for its generation', () => {
    const last = word({ generation: 43, did: 'close-failed', detail: 'blocked by 7' });
    expect(plan(handover('closing'), A, look(A, B, { readOnly: false }), { ...none, last })).toMatchObject({
      do: 'report',
      did: 'close-failed',
    });
  });

  it('leaves alone the member that an undo opens again', () => {
    const undo = handover('closing', { kind: 'undo', from: B, to: A });
    expect(plan(undo, A, look(A, B, { readOnly: false }), none).do).toBe('report');
  });

  it('kills in an unplanned handover', () => {
    expect(
      plan(handover('closing', { kind: 'failover' }), A, look(A, B, { readOnly: false }), none),
    ).toMatchObject({ gentle: false });
  });
});

describe('opening', () => {
  it('promotes once per generation', () => {
    expect(plan(handover('opening'), B, look(B, A), none)).toEqual({ do: 'promote' });
    expect(plan(handover('opening'), B, look(B, A), { ...none, spent: 43 })).toMatchObject({
      do: 'report',
      did: 'open-failed',
    });
    expect(
      plan(handover('opening'), B, look(B, A, { readOnly: false }), { ...none, spent: 43 }),
    ).toMatchObject({ did: 'opened' });
  });

  it('keeps the old writer closed', () => {
    expect(plan(handover('opening'), A, look(A, B, { readOnly: false }), none).do).toBe('close');
  });
});

describe('a generation that was given up', () => {
  const over = { ...none, spent: 43, givenUp: 43 };

  it('never opens the server (again), and closes it where it is open', () => {
    const t = handover('opening');
    expect(plan(t, B, look(B, A), { ...none, givenUp: 43 })).toMatchObject({ did: 'open-failed' });
    expect(plan(t, B, look(B, A, { readOnly: false }), over)).toMatchObject({ do: 'close', gentle: false });
    const now = stable({ generation: 43 });
    expect(plan(now, A, look(A, B, { readOnly: false }), over)).toMatchObject({ do: 'close', gentle: false });
    expect(plan(now, A, look(A, B), over)).toMatchObject({ do: 'report', did: 'watching' });
  });

  it('does not keep a later one from opening it', () => {
    expect(plan(handover('opening', { generation: 44 }), B, look(B, A), over)).toEqual({ do: 'promote' });
    const now = stable({ generation: 44 });
    expect(plan(now, A, look(A, B, { readOnly: false }), over)).toMatchObject({ did: 'opened' });
  });
});

describe('halted', () => {
  it('nobody stays open', () => {
    expect(plan(handover('halted'), B, look(B, A, { readOnly: false }), none).do).toBe('close');
    expect(plan(handover('halted'), A, look(A, B, { readOnly: false }), none).do).toBe('close');
  });
});

describe('readiness to open', () => {
  const position = { kind: 'mariadb', state: '0-1-105,0-2-50', received: '0-2-50' } as const;

  it('planned: holds everything the old writer held', () => {
    const t = handover('opening', { position });
    expect(readiness(t, look(B, A), link(A))).toBe('waiting');
    expect(
      readiness(
        t,
        look(B, A, { history: { kind: 'mariadb', state: '0-1-105', received: '0-1-105,0-2-50' } }),
        link(A),
      ),
    ).toBe('ready');
  });

  it('planned: an applier error does not go away by waiting', () => {
    expect(
      readiness(handover('opening', { position }), look(B, A), link(A, { sql: 'no', sqlError: '1062' })),
    ).toHaveProperty('never');
  });

  it('unplanned: the relay log is applied', () => {
    const t = handover('opening', { kind: 'failover', position });
    expect(readiness(t, look(B, A), link(A, { io: 'no', drained: false }))).toBe('waiting');
    expect(readiness(t, look(B, A), link(A, { io: 'no', drained: true }))).toBe('ready');
  });

  it('counts a known loss against the policy', () => {
    const limited = handover('opening', {
      kind: 'failover',
      position,
      policy: { ...policy, maxLostTransactions: 4 },
    });
    expect(tooMuchLost(limited, look(B, A))).toContain('up to 5');
    expect(tooMuchLost({ ...limited, policy: { ...policy, maxLostTransactions: 5 } }, look(B, A))).toBeNull();
    expect(tooMuchLost({ ...limited, policy }, look(B, A))).toBeNull();
  });
});
