import { describe, expect, it } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { createKeeper } from '../../../src/daemons/keeper.ts';
import type { Clock, Log, PromotionLock, Server } from '../../../src/ports.ts';
import { createFakeWorld } from '../../support/fake-server.ts';
import { createNotebook } from '../../support/notebook.ts';
import { A, B, policy, stable } from '../../support/world.ts';

const closing = stable({
  phase: 'closing',
  kind: 'switchover',
  from: A,
  to: B,
  writer: null,
  generation: 43,
});

function site(options: { readonly spy?: (server: Server) => Server; readonly blocks?: boolean } = {}) {
  const world = createFakeWorld([{ address: A, writable: true }, { address: B }]);
  world.link(A, B);
  world.link(B, A);
  let nowMs = 0;
  const sleep = async (ms: number) => {
    nowMs += ms;
  };
  const clock: Clock = { now: () => nowMs, epochMs: () => nowMs, sleep };
  const said: string[] = [];
  let stored: Topology | null = null;
  let lock: PromotionLock | null = null;
  const keeperOf = (address: string) => {
    const server = world.adapter(address, { blocks: true });
    return createKeeper({
      address,
      server: options.spy?.(server) ?? server,
      clock,
      memory: createNotebook(),
      log: logTo(said),
      attempts: 3,
      startsClosed: true,
      blocks: options.blocks ?? true,
      peers: () => new Map(),
      promotion: {
        currentOrders: async () => ({ topology: stored, isCurrent: true }),
        others: (other) => world.adapter(other),
        peers: () => new Map(),
      },
      lock: {
        ...{ follow: async () => {}, settled: async () => {} },
        ...{ held: () => lock, heldMs: () => 1, release: () => {} },
      },
      lease: null,
      leftTo: () => null,
    });
  };
  const keepers = { [A]: keeperOf(A), [B]: keeperOf(B) };
  const step = async (address: typeof A | typeof B, t: Topology) => {
    stored = t;
    if (t.phase === 'opening') lock ??= await world.adapter(address).lock('mmm', 100);
    return keepers[address]?.step(t);
  };
  return { world, step, said, keeperOf, clock };
}

describe('the accounts of applications', () => {
  it('are usable on the writer and locked on the standby, without being asked for', async () => {
    const { world, step } = site();
    const lingering = world.server(B).connect();
    await step(A, stable());
    await step(B, stable());
    expect([world.server(A).locked, world.server(B).locked]).toEqual([false, true]);
    expect(lingering.connected).toBe(false);
  });

  it('are locked before the server is closed: who is cut off must not come back', async () => {
    const order: string[] = [];
    const { step, world } = site({
      spy: (server) => ({
        ...server,
        close: async (how) => {
          order.push(`closed, accounts ${world.server(A).locked ? 'locked' : 'usable'}`);
          return server.close(how);
        },
      }),
    });
    expect(await step(A, closing)).toMatchObject({ did: 'closed', accounts: '' });
    expect(order).toEqual(['closed, accounts locked']);
  });

  it('are released before anybody is told that the server is open, and not while it is closed', async () => {
    const { step, world } = site();
    await step(A, closing);
    await step(B, closing);
    expect(world.server(B).locked).toBe(false);
    await step(B, stable());
    expect(world.server(B).locked).toBe(true);
    await step(B, closing);
    expect(world.server(B).locked).toBe(true);
    const opening = { ...closing, kind: 'failover', phase: 'opening', proof: 'a' } as const;
    expect(await step(B, opening)).toMatchObject({ did: 'opened', accounts: '' });
    expect([world.server(A).locked, world.server(B).locked]).toEqual([true, false]);
  });

  it('are released again when a gentle close gives up and the switchover is undone', async () => {
    const { step, world } = site();
    world.server(A).connect().startStatement();
    expect(await step(A, closing)).toMatchObject({ did: 'close-failed' });
    expect(world.server(A)).toMatchObject({ locked: true, writable: true });
    const undo = stable({ phase: 'opening', kind: 'undo', from: A, to: A, writer: null, generation: 44 });
    expect(await step(A, undo)).toMatchObject({ did: 'opened' });
    expect(world.server(A).locked).toBe(false);
  });

  it('that could not be brought in line are reported, do not keep a server from closing, and are tried again', async () => {
    let failing = true;
    const { step, world, said } = site({
      spy: (server) => ({
        ...server,
        tendAccounts: async (how) =>
          failing ? { changed: [], trouble: 'run: GRANT ...', exceptions: '' } : server.tendAccounts(how),
      }),
    });
    expect(await step(A, closing)).toMatchObject({ did: 'closed', accounts: 'run: GRANT ...' });
    await step(A, closing);
    expect(said.filter((line) => line === 'accounts are not as they should be')).toHaveLength(1);
    failing = false;
    expect(await step(A, closing)).toMatchObject({ did: 'closed', accounts: '' });
    expect(world.server(A).locked).toBe(true);
  });

  it('take a quarter of the time for closing at most, however long the server makes us wait', async () => {
    const bounds: number[] = [];
    const { step, clock } = site({
      spy: (server) => ({
        ...server,
        tendAccounts: async ({ withinMs }) => {
          await clock.sleep(withinMs);
          return { changed: [], trouble: 'no answer', exceptions: '' };
        },
        close: async (how) => {
          bounds.push(how.withinMs);
          return server.close(how);
        },
      }),
    });
    await step(A, closing);
    await step(B, { ...closing, kind: 'failover', from: B, to: A });
    // write_pause_budget / 2 gently, 3 s otherwise.
    expect(bounds).toEqual([750, 2500]);
  });

  it('are left alone by an agent whose look is older than the opening of the server by another one', async () => {
    const { step, world } = site({
      spy: (server) => ({ ...server, look: async (ms) => ({ ...(await server.look(ms)), readOnly: true }) }),
    });
    const client = world.server(A).connect();
    await step(A, stable({ writer: B }));
    expect([world.server(A).locked, client.connected]).toEqual([false, true]);
  });

  it('that are spared are named once', async () => {
    const exceptions = "'dba'@'%': it may administer accounts (GRANT OPTION)";
    const { step, said } = site({
      spy: (server) => ({ ...server, tendAccounts: async () => ({ changed: [], trouble: '', exceptions }) }),
    });
    for (let n = 0; n < 3; n += 1) expect(await step(B, stable())).toMatchObject({ accounts: '' });
    expect(said.filter((line) => line === 'accounts that match block_user are not locked')).toHaveLength(1);
  });

  it('are finished by the next agent when this one died between lock and close, or open and release', async () => {
    const { world, keeperOf } = site();
    await world.adapter(A, { blocks: true }).tendAccounts({ ...LOCK, endSessions: false });
    await keeperOf(A).step(stable());
    expect(world.server(A).locked).toBe(false);
  });

  it('are not locked as long as nobody says which account the monitor uses', async () => {
    const { step, world } = site();
    const old = { ...policy, monitorUser: '' };
    expect(await step(B, stable({ policy: old }))).toMatchObject({
      accounts: expect.stringContaining('restart mmm-identify'),
    });
    expect(world.server(B).locked).toBe(false);
  });

  it('are left alone without block_user', async () => {
    const { step, world } = site({ blocks: false });
    expect(await step(B, stable({ policy: { ...policy, monitorUser: '' } }))).toMatchObject({ accounts: '' });
    expect(world.server(B).locked).toBe(false);
  });
});

const LOCK = { usable: false, whileWritable: true, spare: [], endSessions: true, withinMs: 1000 };

function logTo(said: string[]): Log {
  const say = (_fields: object, message: string) => void said.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
  return log;
}
