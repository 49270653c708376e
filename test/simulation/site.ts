/**
 * A whole site in one process on virtual time: the product's own monitor, identify and agent around servers
 * and a Redis in memory. Daemons take turns in a seeded order; any of them may be killed at any call to the
 * outside world, and comes back with nothing but what it had stored.
 */
import type { Policy, Topology } from '../../src/core/model.ts';
import { createAgent } from '../../src/daemons/agent.ts';
import { createIdentify } from '../../src/daemons/identify.ts';
import { createMonitor } from '../../src/daemons/monitor.ts';
import { HubError, ServerError } from '../../src/errors.ts';
import type { Clock, Hub, Log, Memory, Server } from '../../src/ports.ts';
import { createFakeWorld, type FakeClient, type FakeWorld } from '../support/fake-server.ts';
import { createMemoryHub, type MemoryHub } from '../support/memory-hub.ts';
import { A, B, cluster } from '../support/world.ts';

export { A, B };

const S = cluster.uniqsign;

/** Thrown in the middle of a daemon's work: the process is gone. */
class Killed extends Error {}

export interface Site {
  readonly uniqsign: string;
  readonly world: FakeWorld;
  readonly hub: MemoryHub;
  readonly clock: Clock & { advance(ms: number): void };
  /** Where the sidecar routes to; null: nowhere. */
  readonly routed: () => string | null;
  /** What clients were told is committed, by value, and by which server. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** One turn of one daemon, chosen by `pick`; `killAfter` calls to the outside it dies, when given. */
  turn(pick: number, killAfter: number | null): Promise<void>;
  /** A routed client tries to write. */
  write(value: string): void;
  topology(): Promise<Topology | null>;
  /** The next answers of servers are lost although what was asked is done. */
  loseAnswers(count: number): void;
  readonly story: string[];
}

/** Both running, A writable, replicating both ways. `delivers`: whether a link moves at this moment. */
export function createSite(
  delivers: (nowMs: number) => boolean = () => true,
  policy: Partial<Policy> = {},
): Site {
  let nowMs = 1_000_000;
  let budget: number | null = null;
  let lostAnswers = 0;
  const story: string[] = [];
  const clock = {
    now: () => nowMs,
    epochMs: () => nowMs,
    sleep: async (ms: number) => advance(ms),
    advance,
  };
  const world = createFakeWorld([{ address: A, writable: true }, { address: B }], () => nowMs);
  world.link(A, B);
  world.link(B, A);
  const hub = createMemoryHub();
  const acknowledged = new Map<string, string>();
  let client: { readonly address: string; readonly session: FakeClient } | null = null;
  let route: string | null = null;
  let sidecarFloor = 0;
  let sidecarSeq = 0;

  function advance(ms: number): void {
    nowMs += ms;
    for (const address of [A, B]) {
      if (delivers(nowMs)) world.deliver(address);
    }
  }

  /** Every call to the outside may be the last thing a daemon does: before it, or after it took effect. */
  function mortal<T extends object>(port: T, isServer = false): T {
    return new Proxy(port, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function' || key === 'end') return value;
        if (key === 'floor' || key === 'spent') return value.bind(target);
        return async (...args: unknown[]) => {
          die();
          const result: unknown = await Reflect.apply(value, target, args);
          die();
          if (isServer && lostAnswers > 0) {
            lostAnswers -= 1;
            throw new ServerError('silent', 'the answer was lost on the way');
          }
          return result;
        };
      },
    });
  }

  function die(): void {
    if (budget === null) return;
    budget -= 1;
    if (budget < 0) throw new Killed();
  }

  const log = quiet();
  const mortalHub = mortal<Hub>(hub);
  const servers = (address: string): Server => mortal(world.adapter(address, { blocks: true }), true);
  const identifyMemory = mortal(createMemory());
  const agentMemory = mortal(createMemory());
  const make = {
    monitor: () =>
      createMonitor({
        id: 'monitor1',
        cluster: {
          uniqsign: S,
          masters: cluster.masters,
          probeIntervalMs: 500,
          probeTimeoutMs: 1000,
          confirmMs: 200,
          intervalMs: 3000,
        },
        hub: mortalHub,
        clock,
        log,
        servers: new Map(cluster.masters.map((a) => [a, servers(a)])),
      }),
    identify: () =>
      createIdentify({
        cluster: { ...cluster, policy: { ...cluster.policy, ...policy } },
        topic: 'mmm-switch-channel',
        repairMs: 3000,
        hub: mortalHub,
        clock,
        memory: identifyMemory,
        log,
      }),
    agent: () =>
      createAgent({
        id: 'agent1',
        hub: mortalHub,
        clock,
        memory: agentMemory,
        log,
        servers,
        allowed: null,
        tags: [],
        startsClosed: null,
        attempts: 3,
        blocks: true,
      }),
  };
  let monitor = make.monitor();
  let identify = make.identify();
  let agent = make.agent();

  /** A sidecar in a few lines: cuts on closing, routes on stable, never follows an older generation. */
  async function sidecar(): Promise<void> {
    const t = await hub.readTopology(S);
    sidecarSeq += 1;
    if (t !== null && t.generation >= sidecarFloor) {
      sidecarFloor = t.generation;
      route = t.phase === 'stable' ? t.writer : null;
      if (client !== null && client.address !== route) {
        client.session.end();
        client = null;
      }
    }
    await hub.putSidecarReport(S, {
      v: 1,
      id: 'proxy1',
      serves: [A, B],
      generation: sidecarFloor,
      step: t?.step ?? 0,
      floor: sidecarFloor,
      did: route === null ? 'cut' : 'routed',
      leaving: false,
      detail: '',
      tookMs: 0,
      targets: [],
      seq: sidecarSeq,
    });
  }

  const daemons = [
    { name: 'monitor A', run: () => monitor.probe(A), reborn: () => (monitor = make.monitor()) },
    { name: 'monitor B', run: () => monitor.probe(B), reborn: () => (monitor = make.monitor()) },
    { name: 'identify', run: () => identify.step(), reborn: () => (identify = make.identify()) },
    { name: 'agent A', run: () => agent.keep(S, A), reborn: () => (agent = make.agent()) },
    { name: 'agent B', run: () => agent.keep(S, B), reborn: () => (agent = make.agent()) },
    { name: 'sidecar', run: sidecar, reborn: () => undefined },
  ] as const;

  async function turn(pick: number, killAfter: number | null): Promise<void> {
    const daemon = daemons[pick % daemons.length];
    if (daemon === undefined) return;
    budget = killAfter;
    try {
      await daemon.run();
    } catch (error) {
      if (error instanceof Killed) {
        story.push(`${Math.round(nowMs)} ${daemon.name} was killed`);
        daemon.reborn();
      } else if (!(error instanceof HubError)) throw error;
    } finally {
      budget = null;
    }
  }

  function write(value: string): void {
    if (route === null) return;
    try {
      if (client?.address !== route || !client.session.connected) {
        client = { address: route, session: world.server(route).connect() };
      }
      client.session.write(value);
      acknowledged.set(value, route);
    } catch {
      client = null;
    }
  }

  return {
    uniqsign: S,
    world,
    hub,
    clock,
    routed: () => route,
    acknowledged,
    turn,
    loseAnswers: (count) => {
      lostAnswers = count;
    },
    write,
    topology: () => hub.readTopology(S),
    story,
  };
}

function createMemory(): Memory {
  const floors = new Map<string, number>();
  const spent = new Map<string, number>();
  return {
    floor: (s) => floors.get(s) ?? 0,
    raise: async (s, g) => void floors.set(s, Math.max(g, floors.get(s) ?? 0)),
    spent: (s, a) => spent.get(`${s} ${a}`) ?? 0,
    spend: async (s, a, g) => void spent.set(`${s} ${a}`, g),
  };
}

function quiet(): Log {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  return log;
}
