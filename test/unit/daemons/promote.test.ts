import { describe, expect, it } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { createAgent } from '../../../src/daemons/agent.ts';
import { promote } from '../../../src/daemons/promote.ts';
import { HubError } from '../../../src/errors.ts';
import type { Clock, Log, PromotionLock } from '../../../src/ports.ts';
import { createFakeWorld } from '../../support/fake-server.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { createNotebook } from '../../support/notebook.ts';
import { A, B, stable } from '../../support/world.ts';

const opening = (over: Partial<Topology> = {}): Topology =>
  stable({
    phase: 'opening',
    kind: 'failover',
    generation: 43,
    writer: null,
    from: A,
    to: B,
    proof: 'e',
    parked: [{ on: B, from: A }],
    ...over,
  });

/** A wrote, B follows; time moves by itself whenever somebody waits. */
function site(t: Topology = opening()) {
  let nowMs = 0;
  const world = createFakeWorld([{ address: A, writable: true }, { address: B }], () => nowMs);
  world.link(A, B);
  world.link(B, A);
  world.server(A).connect().write('first');
  world.deliver();
  const clock: Clock = { now: () => nowMs, epochMs: () => nowMs, sleep: async (ms) => advance(ms) };
  const advance = (ms: number) => {
    nowMs += ms;
  };
  let stored: Topology | null = t;
  let isCurrent = true;
  let isAway = false;
  let lock: PromotionLock | null = null;
  let heldMs = 1;
  const memory = createNotebook();
  return {
    world,
    clock,
    memory,
    change: (next: Topology | null) => {
      stored = next;
    },
    restartRedis: () => {
      isCurrent = false;
    },
    stopRedis: (away: boolean) => {
      isAway = away;
    },
    /** Takes the promotion lock; it has been held for so long. */
    take: async (ms = 1) => {
      lock ??= await world.adapter(B).lock('mmm', 100);
      heldMs = ms;
    },
    promote: async () =>
      promote({
        server: world.adapter(B),
        clock,
        memory,
        topology: t,
        look: await world.adapter(B).look(1000),
        currentOrders: async () => {
          if (isAway) throw new HubError('redis is away');
          return { topology: stored, isCurrent };
        },
        lock: { held: () => lock, heldMs: () => heldMs },
        lease: null,
        others: (address) => world.adapter(address),
        peers: () => new Map(),
      }),
  };
}

describe('a promotion after a crash', () => {
  it('opens the server and stops listening to the old writer for good', async () => {
    const s = site();
    await s.take();
    s.world.server(A).crash();
    expect(await s.promote()).toHaveProperty('opened');
    expect(s.world.server(B).writable).toBe(true);
    s.world.server(A).restart();
    s.world.deliver();
    const look = await s.world.adapter(B).look(1000);
    expect(look.links.map(({ io, sql }) => [io, sql])).toEqual([['no', 'no']]);
  });

  it('applies what it had received before it opens', async () => {
    const s = site();
    await s.take();
    s.world.server(A).connect().write('received, not applied');
    s.world.receiveOnly(B);
    s.world.server(A).crash();
    expect(await s.promote()).toMatchObject({ refusal: expect.stringContaining('not caught up') });
    expect(s.world.server(B).writable).toBe(false);
  });

  it('does not open beside a member that turns out to be writable', async () => {
    const s = site();
    await s.take();
    expect(await s.promote()).toEqual({ refusal: `${A} is writable` });
    expect(s.world.server(B).writable).toBe(false);
  });

  it('does not open when the topology moved on meanwhile, or is gone', async () => {
    const s = site();
    await s.take();
    s.world.server(A).crash();
    s.change(opening({ generation: 44, kind: 'reopen', to: A }));
    expect(await s.promote()).toEqual({ refusal: 'the topology changed meanwhile' });
    s.change(null);
    expect(await s.promote()).toEqual({ refusal: 'the topology changed meanwhile' });
    expect(s.world.server(B).writable).toBe(false);
  });

  it('spends the generation only when it is about to open', async () => {
    const s = site();
    await s.take();
    s.world.server(A).crash();
    s.change(null);
    await s.promote();
    expect(s.memory.spent(stable().uniqsign, B)).toBe(0);
    s.change(opening());
    await s.promote();
    expect(s.memory.spent(stable().uniqsign, B)).toBe(43);
  });
});

describe('the promotion lock', () => {
  it('is what opens the server: without it nothing is opened, and nothing is spent', async () => {
    const s = site();
    s.world.server(A).crash();
    expect(await s.promote()).toEqual({ waitsFor: 'the promotion lock is not held yet' });
    await s.take();
    s.world.server(B).killLockSession();
    expect(await s.promote()).toMatchObject({
      refusal: expect.stringContaining('the promotion lock was lost'),
    });
    expect(s.world.server(B).writable).toBe(false);
  });

  it('is held for W before the server opens on the lapse of a lease, and not a moment for other proofs', async () => {
    const lapsed = site(opening({ proof: 'c' }));
    lapsed.world.server(A).crash();
    await lapsed.take(6499);
    expect(await lapsed.promote()).toMatchObject({ waitsFor: expect.stringContaining('another 1 ms') });
    await lapsed.take(6500);
    expect(await lapsed.promote()).toHaveProperty('opened');
    const longer = site(opening({ proof: 'c', heldMs: 10_000 }));
    longer.world.server(A).crash();
    await longer.take(12_999);
    expect(await longer.promote()).toHaveProperty('waitsFor');
  });

  it('opens nothing on a decision that an older redis has kept', async () => {
    const s = site();
    await s.take();
    s.world.server(A).crash();
    s.restartRedis();
    expect(await s.promote()).toMatchObject({ refusal: expect.stringContaining('not confirmed') });
    expect(s.world.server(B).writable).toBe(false);
  });

  it('leaves the opening for the next pass when redis does not answer', async () => {
    const s = site();
    await s.take();
    s.world.server(A).crash();
    s.stopRedis(true);
    await expect(s.promote()).rejects.toThrow('redis is away');
    expect(s.world.server(B).writable).toBe(false);
    s.stopRedis(false);
    expect(await s.promote()).toHaveProperty('opened');
  });

  it('closes the server again when no answer says whether it was opened', async () => {
    const s = site();
    await s.take();
    s.world.server(A).crash();
    const adapter = s.world.adapter.bind(s.world);
    s.world.adapter = (address, options) => {
      const server = adapter(address, options);
      return address === A ? { ...server, look: async (ms) => breakLock(server.look(ms)) } : server;
    };
    const breakLock = async <T>(look: Promise<T>): Promise<T> => {
      s.world.server(B).breakLockSession('answers');
      return look;
    };
    expect(await s.promote()).toMatchObject({ refusal: expect.stringContaining('so it was closed again') });
    expect(s.world.server(B).writable).toBe(false);
  });
});

describe('an agent', () => {
  it('ignores a topology older than one it has seen: redis was rolled back', async () => {
    const { world, clock, memory } = site();
    const hub = createMemoryHub();
    const old = stable({ writer: B, to: B, generation: 41 });
    await hub.commit({
      basedOn: null,
      next: old,
      events: [],
      legacy: null,
      announceOn: null,
      takes: null,
      answers: [],
    });
    await memory.raise(old.uniqsign, 42);
    const agent = createAgent({
      id: 'agent1',
      hub,
      clock,
      memory,
      log: quiet(),
      servers: (address) => world.adapter(address),
      allowed: null,
      tags: [],
      startsClosed: null,
      attempts: 3,
    });
    await agent.keep(old.uniqsign, A);
    expect(world.server(A).writable).toBe(true);
  });

  it('serves no address outside its list', async () => {
    const { world, clock, memory } = site();
    const hub = createMemoryHub();
    await hub.commit({
      basedOn: null,
      next: stable(),
      events: [],
      legacy: null,
      announceOn: null,
      takes: null,
      answers: [],
    });
    const agent = createAgent({
      id: 'agent1',
      hub,
      clock,
      memory,
      log: quiet(),
      servers: (address) => world.adapter(address),
      allowed: [B],
      tags: [],
      startsClosed: null,
      attempts: 3,
    });
    expect(await agent.members()).toEqual([{ uniqsign: stable().uniqsign, address: B }]);
  });
});

describe('an agent with --tag', () => {
  it('says once that no cluster has the tag, and which there are; not while there is none', async () => {
    const { world, clock, memory } = site();
    const hub = createMemoryHub();
    const said: object[] = [];
    const log: Log = { ...quiet(), warn: (fields, message) => said.push({ ...fields, message }) };
    const agent = createAgent({
      id: 'agent1',
      hub,
      clock,
      memory,
      log,
      servers: (address) => world.adapter(address),
      allowed: null,
      tags: ['nope', stable().tag],
      startsClosed: null,
      attempts: 3,
    });
    await agent.members();
    expect(said).toEqual([]);
    await hub.commit({
      basedOn: null,
      next: stable(),
      events: [],
      legacy: null,
      announceOn: null,
      takes: null,
      answers: [],
    });
    await agent.members();
    await agent.members();
    expect(said).toEqual([
      { tag: 'nope', found: [stable().tag], message: 'no cluster in redis has this tag: it is not served' },
    ]);
  });
});

function quiet(): Log {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  return log;
}
