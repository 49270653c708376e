import { setMaxListeners } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { createAgent } from '../../../src/daemons/agent.ts';
import { serve } from '../../../src/daemons/serve-agent.ts';
import { HubError, ServerError } from '../../../src/errors.ts';
import { clusterKey } from '../../../src/hub/keys.ts';
import type { Clock, Glance, Hub, Log, Memory, Server, ServerProcess } from '../../../src/ports.ts';
import { createFakeLocalServer, type FakeLocalServer } from '../../support/fake-local-server.ts';
import { createFakeWorld } from '../../support/fake-server.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { createMemoryRedis } from '../../support/memory-redis.ts';
import { createNotebook } from '../../support/notebook.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { A, B, policy, stable } from '../../support/world.ts';

const S = stable().uniqsign;

/** A is the writer; agents start where a test says so. */
function site(
  options: {
    readonly startsClosed?: boolean;
    readonly arm?: Server['arm'];
    /** How A's agent glances at it. */
    readonly glance?: (ask: () => Promise<Glance>, timeoutMs: number, clock: Clock) => Promise<Glance>;
    readonly topology?: Topology;
  } = {},
) {
  const clock = createVirtualClock();
  const { startsClosed = true } = options;
  const world = createFakeWorld([{ address: A, writable: true, startsClosed }, { address: B }], clock.now);
  world.link(A, B);
  world.link(B, A);
  const redis = createMemoryRedis({ now: clock.now });
  const hub = createMemoryHub(redis);
  const hosts: Readonly<Record<string, FakeLocalServer>> = {
    [A]: createFakeLocalServer(world.server(A), { startsClosed }),
  };
  const notes = createNotebook();
  const said: string[] = [];
  let isAway = false;
  let lose = (): void => undefined;
  const mortal: Hub = new Proxy(hub, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (isAway) throw new HubError('redis is away');
        return Reflect.apply(value, target, args);
      };
    },
  });

  function adapter(address: string, onLost?: () => void): Server {
    const server = world.adapter(address, onLost === undefined ? {} : { onLost });
    return options.arm === undefined ? server : { ...server, arm: options.arm };
  }

  function beside(address: string, onLost: () => void): Server {
    const server = adapter(address, onLost);
    const { glance } = options;
    lose = onLost;
    if (glance === undefined) return server;
    return {
      ...server,
      glance: (lock, timeoutMs) => glance(() => server.glance(lock, timeoutMs), timeoutMs, clock),
    };
  }

  /** Beside the server, or `central`. */
  function start(
    address: string,
    how: { readonly id?: string; readonly memory?: Memory; readonly central?: boolean } = {},
  ) {
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const host = hosts[address] ?? createFakeLocalServer(world.server(address));
    const local = { address, connect: (onLost: () => void) => beside(address, onLost), host };
    const agent = createAgent({
      id: how.id ?? `agent-${address}`,
      hub: mortal,
      clock,
      memory: how.memory ?? createNotebook(),
      log: logTo(said),
      servers: adapter,
      allowed: null,
      tags: [],
      startsClosed: null,
      attempts: 3,
      locals: how.central === true ? [] : [local],
    });
    const done = serve(agent, {
      hub: mortal,
      clock,
      signal: stop.signal,
      log: logTo(said),
      mailer: null,
      ready: () => {},
    });
    onTestFinished(() => stop.abort());
    return {
      stop: async () => {
        stop.abort();
        await clock.pass(1500);
        await done;
        agent.end();
      },
    };
  }

  async function commit(next: Topology): Promise<void> {
    const { topologyText, incarnation } = await hub.read(S);
    await hub.commit({
      basedOn: topologyText,
      next: { ...next, incarnation },
      events: [],
      legacy: null,
      announceOn: null,
      takes: null,
      answers: [],
    });
  }

  return {
    ...{ clock, world, hub, hosts, said, start, commit, memory: notes },
    a: world.server(A),
    b: world.server(B),
    /** The kept connection of the agent beside it is cut. */
    cutConnection: () => lose(),
    /** As in a Redis that only older versions have written to. */
    withoutLease: () => redis.remove(clusterKey(S, 'lease')),
    redis: (away: boolean) => {
      isAway = away;
    },
    lease: async () => (await hub.read(S)).lease,
    word: async (address: string, id = `agent-${address}`) =>
      (await hub.read(S)).agents.find((one) => one.id === id)?.members[address],
  };
}

/** The writer with its agent, some time later. */
async function running(options: Parameters<typeof site>[0] = {}) {
  const s = site(options);
  await s.commit(options.topology ?? stable());
  const agent = s.start(A, { memory: s.memory });
  await s.clock.pass(3000);
  return { ...s, agent };
}

describe('the agent beside the writer', () => {
  it('renews its lease for ever, with a dead-man in the server all the time', async () => {
    const s = await running();
    const before = await s.lease();
    expect(before).toMatchObject({ holder: A, agent: `agent-${A}`, armed: true });
    for (let i = 0; i < 30; i += 1) {
      await s.clock.pass(1000);
      expect(s.a.closesItselfInMs).toBeGreaterThan(3000);
    }
    expect((await s.lease())?.counter).toBeGreaterThan((before?.counter ?? 0) + 40);
    expect(s.a.writable).toBe(true);
    expect(await s.word(A)).toMatchObject({ did: 'opened', local: true, startsClosed: true, termMs: 5000 });
  });

  it('stays open without redis as long as the peer is closed and not about to be opened', async () => {
    const s = await running();
    s.redis(true);
    await s.clock.pass(60_000);
    expect(s.a.writable).toBe(true);
    const lock = await s.world.adapter(B).lock(`mmm-${S}`, 100);
    for (let i = 0; i < 50; i += 1) {
      await s.clock.pass(100);
      await lock?.keep();
    }
    expect(s.a.writable).toBe(false);
  });

  it('is closed within its term when neither redis nor the peer answers', async () => {
    const s = await running();
    s.redis(true);
    s.b.freeze();
    await s.clock.pass(2000);
    expect(s.a.writable).toBe(true);
    await s.clock.pass(3000);
    expect(s.a.writable).toBe(false);
    expect(s.hosts[A]?.kills).toBe(0);
    s.redis(false);
    await s.clock.pass(1500);
    expect(await s.word(A)).toMatchObject({ did: 'watching', detail: 'it is the writer, and closed' });
  });

  it('never takes a term for a generation that was overtaken', async () => {
    const s = await running();
    const closing = {
      generation: 43,
      phase: 'closing',
      kind: 'failover',
      from: A,
      to: B,
      writer: null,
    } as const;
    // Its keeper hears nothing of it: only the renewal does.
    s.world.server(A).connect();
    await s.commit(stable(closing));
    await s.clock.pass(1500);
    expect(s.a.writable).toBe(false);
    expect(await s.word(A)).toMatchObject({ did: 'closed', generation: 43 });
    expect(s.a.closesItselfInMs).toBeNull();
  });

  it('tells redis when no dead-man can be left in the server', async () => {
    const s = await running({
      arm: async () => {
        throw new ServerError('faulty', 'no privilege');
      },
    });
    expect(await s.lease()).toMatchObject({ agent: `agent-${A}`, armed: false });
    expect(s.a.writable).toBe(true);
  });
});

describe('a healthy writer is left open', () => {
  const silent = () => new ServerError('silent', 'no answer in time');

  it('when each answer of its server takes longer than one question may', async () => {
    let isSlow = false;
    const s = await running({
      glance: async (ask, timeoutMs, clock) => {
        await clock.sleep(isSlow ? Math.min(700, timeoutMs) : 0);
        if (isSlow && timeoutMs < 700) throw silent();
        return ask();
      },
    });
    isSlow = true;
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
    expect(s.hosts[A]?.kills).toBe(0);
  });

  it('when its agent was frozen for a while in the middle of a question', async () => {
    let isFrozen = false;
    const s = await running({
      topology: stable({ policy: { ...policy, leaseMs: 60_000 } }),
      glance: async (ask, _timeoutMs, clock) => {
        if (!isFrozen) return ask();
        isFrozen = false;
        await clock.sleep(5000);
        throw silent();
      },
    });
    isFrozen = true;
    // Nothing of the agent runs meanwhile: not even what would end the question.
    await s.clock.pass(15_000);
    expect(s.a.writable).toBe(true);
    expect(s.hosts[A]?.kills).toBe(0);
  });

  it('when the clock of its server is set back, also where its process cannot be seen', async () => {
    let backSeconds = 0;
    const s = await running({
      glance: async (ask) => {
        const seen = await ask();
        return { ...seen, uptimeSeconds: seen.uptimeSeconds - backSeconds };
      },
    });
    s.hosts[A]?.hide();
    backSeconds = 3600;
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
  });

  it('when its connection is cut, however long it takes to find out how it starts', async () => {
    const s = site();
    const host = s.hosts[A];
    if (host !== undefined)
      host.startsClosed = async () => {
        await s.clock.sleep(6000);
        return true;
      };
    await s.commit(stable());
    s.start(A, { memory: s.memory });
    await s.clock.pass(10_000);
    s.cutConnection();
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
  });

  it('when redis has never given it a lease, and its peer goes away', async () => {
    const s = site();
    await s.commit(stable());
    s.withoutLease();
    s.start(A, { memory: s.memory });
    await s.clock.pass(3000);
    s.b.crash();
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
  });

  it('when the disk of its agent is slow', async () => {
    const s = await running();
    s.memory.keep = () => new Promise(() => undefined);
    await s.commit(stable({ step: 9 }));
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
  });
});

describe('a writer that dies', () => {
  it('gives its generation up within moments of its death, and is reported gone', async () => {
    const s = await running();
    s.a.crash();
    await s.clock.pass(10);
    expect(await s.lease()).toMatchObject({ released: true });
    await s.clock.pass(5);
    expect(await s.word(A)).toMatchObject({ did: 'gone', generation: 42 });
  });

  it('proves nothing when it may start open, and is closed as soon as it is back', async () => {
    const s = await running({ startsClosed: false });
    s.a.crash();
    await s.clock.pass(500);
    expect(await s.lease()).toMatchObject({ released: false });
    expect(await s.word(A)).toMatchObject({ did: 'unreachable' });
    s.a.restart();
    expect(s.a.writable).toBe(true);
    await s.clock.pass(200);
    expect(s.a.writable).toBe(false);
  });

  it('is not opened again at its generation by whoever brings it back', async () => {
    const s = await running();
    s.a.crash();
    await s.clock.pass(100);
    s.a.restart();
    await s.clock.pass(2000);
    expect(s.a.writable).toBe(false);
    expect((await s.lease())?.released).toBe(true);
  });

  it('is closed when it is back open before anybody saw it dead', async () => {
    const s = await running({ startsClosed: false });
    s.a.crash();
    await s.hosts[A]?.find();
    s.a.restart();
    await s.clock.pass(1000);
    expect(s.a.writable).toBe(false);
  });

  it('is closed where somebody opens it again, also by an agent that has not seen it die', async () => {
    const s = await running();
    s.a.crash();
    await s.clock.pass(100);
    await s.agent.stop();
    s.a.restart();
    s.start(A, { memory: s.memory });
    await s.clock.pass(1000);
    const byHand = await s.world.adapter(A).lock('by hand', 100);
    await byHand?.open(async () => true);
    expect(s.a.writable).toBe(true);
    await s.clock.pass(1000);
    expect(s.a.writable).toBe(false);
  });

  it('slowly, with its memory to be given back, is given up soon after its end all the same', async () => {
    const s = await running();
    const host = s.hosts[A];
    if (host === undefined) throw new Error('no host');
    const isGone = host.isGone;
    const endsMs = s.clock.now() + 150;
    Object.assign(host, {
      isGone: async (one: ServerProcess) => s.clock.now() >= endsMs && (await isGone(one)),
    });
    s.a.crash();
    await s.clock.pass(250);
    expect(await s.lease()).toMatchObject({ released: true });
  });

  it('that is frozen is killed a second after freeze_timeout, and given up', async () => {
    const s = await running({ topology: stable({ policy: { ...policy, leaseMs: 60_000 } }) });
    s.a.freeze();
    await s.clock.pass(2500);
    expect(s.a.state).toBe('frozen');
    await s.clock.pass(2500);
    expect(s.a.state).toBe('down');
    expect(s.hosts[A]?.kills).toBe(1);
    expect(await s.lease()).toMatchObject({ released: true });
  });
});

describe('an agent that starts beside a writable server', () => {
  it('goes on when redis confirms it, without closing it for a moment', async () => {
    const s = await running();
    await s.agent.stop();
    s.start(A, { memory: s.memory });
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
    expect(await s.lease()).toMatchObject({ armed: true });
  });

  it('goes on when redis is away and the peer confirms it', async () => {
    const s = await running();
    await s.agent.stop();
    s.redis(true);
    s.start(A, { memory: s.memory });
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
  });

  it('closes it when nobody confirms it in 700 ms', async () => {
    const s = await running();
    await s.agent.stop();
    s.redis(true);
    s.b.freeze();
    s.start(A, { memory: s.memory });
    await s.clock.pass(600);
    expect(s.a.writable).toBe(true);
    await s.clock.pass(200);
    expect(s.a.writable).toBe(false);
  });

  it('closes it when its generation was overtaken meanwhile', async () => {
    const s = await running();
    await s.agent.stop();
    await s.commit(stable({ generation: 43, writer: B, to: B }));
    s.start(A, { memory: s.memory });
    await s.clock.pass(1000);
    expect(s.a.writable).toBe(false);
  });

  it('takes no term from the peer when it had seen a higher generation before', async () => {
    const s = await running();
    await s.agent.stop();
    await s.memory.raise(S, 43);
    s.redis(true);
    s.start(A, { memory: s.memory });
    await s.clock.pass(800);
    expect(s.a.writable).toBe(false);
  });

  it('leaves it alone when it never had a lease', async () => {
    const s = site();
    s.redis(true);
    s.b.freeze();
    s.start(A);
    await s.clock.pass(20_000);
    expect(s.a.writable).toBe(true);
  });

  it('tells what it knows to a redis that has forgotten everything', async () => {
    const s = await running();
    await s.agent.stop();
    s.hub.flush();
    s.start(A, { memory: s.memory });
    await s.clock.pass(3000);
    expect(s.a.writable).toBe(true);
    expect(await s.word(A)).toMatchObject({ did: 'opened', generation: 42, local: true });
  });
});

describe('a lease that another agent holds', () => {
  it('makes this one touch nothing while it is renewed, and close the server when it is not', async () => {
    const s = site();
    await s.commit(stable());
    const renewal = { member: A, agent: 'other', generation: 42, armed: true };
    await s.hub.renewLease(S, renewal);
    s.start(A);
    for (let i = 0; i < 40; i += 1) {
      await s.clock.pass(500);
      await s.hub.renewLease(S, renewal);
    }
    expect(s.a.writable).toBe(true);
    expect(s.a.closesItselfInMs).toBeNull();
    expect(await s.word(A)).toMatchObject({ did: 'watching', detail: 'left to agent other' });
    await s.clock.pass(6000);
    expect(s.a.writable).toBe(true);
    await s.clock.pass(1500);
    expect(s.a.writable).toBe(false);
  });
});

describe('a clean stop', () => {
  it('leaves the server open for good, and nobody may count on the lapse of its lease', async () => {
    const s = await running();
    await s.agent.stop();
    expect(await s.lease()).toMatchObject({ armed: false });
    expect(s.a.closesItselfInMs).toBeNull();
    await s.clock.pass(60_000);
    expect(s.a.writable).toBe(true);
  });

  it('that redis does not hear of leaves the dead-man where it is, and says so', async () => {
    const s = await running();
    s.redis(true);
    await s.agent.stop();
    expect(s.a.closesItselfInMs).toBeGreaterThan(0);
    expect(s.said).toContainEqual(expect.stringContaining('the server closes itself unless an agent starts'));
    await s.clock.pass(5000);
    expect(s.a.writable).toBe(false);
  });
});

describe('the agent beside the next writer', () => {
  const handover = { generation: 43, kind: 'failover', from: A, to: B, writer: null } as const;

  it('takes the lock in closing, opens with a dead-man and a term, and lets go of the lock in stable', async () => {
    const s = site();
    await s.commit(stable());
    s.start(B);
    await s.clock.pass(1500);
    s.a.crash();
    await s.commit(stable({ ...handover, phase: 'closing' }));
    await s.clock.pass(6700);
    expect(s.b.isLockHeld).toBe(true);
    expect((await s.word(B))?.lockedMs).toBeGreaterThanOrEqual(6500);
    await s.commit(stable({ ...handover, phase: 'opening', proof: 'c', step: 1 }));
    await s.clock.pass(200);
    expect(s.b.writable).toBe(true);
    expect(s.b.closesItselfInMs).toBeGreaterThan(3000);
    expect(await s.lease()).toMatchObject({ holder: B, generation: 43, agent: `agent-${B}`, armed: true });
    await s.commit(stable({ ...handover, phase: 'stable', writer: B, step: 2 }));
    await s.clock.pass(1000);
    expect(s.b.isLockHeld).toBe(false);
    await s.clock.pass(20_000);
    expect(s.b.writable).toBe(true);
  });

  it('takes back the dead-man that it left ahead when the server is not opened after all', async () => {
    const s = site();
    await s.commit(stable({ ...handover, phase: 'opening', proof: 'd' }));
    s.start(B);
    await s.clock.pass(1500);
    expect(await s.word(B)).toMatchObject({ did: 'open-failed', detail: `${A} is writable` });
    expect(s.b.closesItselfInMs).toBeNull();
  });

  it('does not open without a term of its own', async () => {
    const s = site();
    s.a.crash();
    await s.commit(stable({ ...handover, phase: 'opening', proof: 'd' }));
    await s.hub.renewLease(S, { member: B, agent: 'other', generation: 43, armed: true });
    s.start(B);
    await s.clock.pass(1500);
    expect(s.b.writable).toBe(false);
    expect(await s.word(B)).toMatchObject({
      did: 'open-failed',
      detail: expect.stringContaining('agent other'),
    });
    expect(s.b.closesItselfInMs).toBeNull();
  });

  it('lets go of the lock at once when another is to be opened, or nothing is certain', async () => {
    const s = site();
    await s.commit(stable({ ...handover, phase: 'closing' }));
    s.start(B);
    await s.clock.pass(500);
    expect(s.b.isLockHeld).toBe(true);
    await s.commit(stable({ ...handover, phase: 'closing', generation: 44, from: B, to: A }));
    await s.clock.pass(150);
    expect(s.b.isLockHeld).toBe(false);
  });

  it('takes a lock again that was lost, and counts anew', async () => {
    const s = site();
    await s.commit(stable({ ...handover, phase: 'closing' }));
    s.start(B);
    await s.clock.pass(3000);
    s.b.killLockSession();
    await s.clock.pass(1000);
    expect(s.b.isLockHeld).toBe(true);
    expect((await s.word(B))?.lockedMs).toBeLessThan(1500);
  });
});

describe('an agent that serves members from afar', () => {
  it('leaves one alone that has an agent on its machine', async () => {
    const s = await running();
    s.start(B, { id: 'central', central: true });
    await s.clock.pass(3000);
    expect(await s.word(A, 'central')).toMatchObject({
      did: 'watching',
      detail: `left to agent agent-${A}`,
      local: false,
    });
    expect(await s.word(B, 'central')).toMatchObject({ did: 'closed' });
    expect(s.a.writable).toBe(true);
  });
});

function logTo(said: string[]): Log {
  const say = (fields: object, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug() {}, info: say, warn: say, error: say, child: () => log };
  return log;
}
