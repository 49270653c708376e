/**
 * A whole site on virtual time: the product's programs in processes of their own on five hosts, two database
 * servers, Redis, clients, and a network between them. Host A and B have a server and perhaps its agent, R has Redis,
 * M1 and perhaps M2 the monitors and deciders.
 */
import type { Request, Topology } from '../../src/core/model.ts';
import type { Log } from '../../src/ports.ts';
import { createMemoryHub } from '../support/memory-hub.ts';
import { createMemoryRedis, type MemoryRedis, type Snapshot } from '../support/memory-redis.ts';
import { startRoutedClient, startStubbornClient } from './clients.ts';
import { createEngine, type Engine } from './engine.ts';
import { connectHub, R } from './hub-port.ts';
import { createLedger, type Ledger, short, Violation } from './ledger.ts';
import { createMachineRoom, type MachineRoom } from './machine-room.ts';
import { createNetwork, type Network } from './network.ts';
import { createProcess, type Life, type Process } from './process.ts';
import { runAgent, runIdentify, runMonitor, type Surroundings } from './programs.ts';
import type { Random } from './random.ts';
import { A, B, type Setup, UNIQSIGN } from './setup.ts';
import { type RoutingProxy, runSidecar } from './sidecars.ts';
import { enter } from './stand-ins.ts';
import { createStateDir, type StateDir } from './state-dir.ts';

export interface Site {
  readonly setup: Setup;
  readonly engine: Engine;
  readonly network: Network;
  readonly room: MachineRoom;
  readonly ledger: Ledger;
  readonly redis: RedisHost;
  readonly processes: ReadonlyMap<string, Process>;
  readonly hosts: readonly string[];
  readonly proxies: ReadonlyMap<string, RoutingProxy>;
  /** An operator asks for something, by way of Redis. */
  ask(request: Pick<Request, 'verb'> & Partial<Request>): void;
  topology(): Topology | null;
  tell(text: string): void;
  /** Called before and after every call of every process. */
  hook: (process: Process, what: string, when: 'before' | 'after') => void;
  isRough: boolean;
}

/** The one Redis. */
export interface RedisHost {
  readonly store: MemoryRedis;
  isUp(): boolean;
  /** Does not answer for a while, and keeps what it has. */
  pause(forMs: number): void;
  empty(): void;
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
  /** Its clock is set forward or back. */
  step(ms: number): void;
  /** When it last lost something; -1: never. */
  rolledBackMs(): number;
  /** When something was last wrong with it. */
  troubledMs(): number;
}

/** A writer is left alone when all it needs has been well for so long. */
const WELL_MS = 12_000;
const OPERATOR_MS = 5000;

export function createSite(options: {
  readonly setup: Setup;
  readonly random: Random;
  readonly tell: (text: string) => void;
  /** Also what the programs log. */
  readonly isTalkative: boolean;
}): Site {
  const { setup, random, tell } = options;
  const engine = createEngine();
  const network = createNetwork(engine, random, () => site.isRough);
  const redis = createRedisHost(engine);
  const hosts = ['A', 'B', R, 'M1', ...(setup.secondIdentify ? ['M2'] : [])];
  const at = new Map([
    [A, 'A'],
    [B, 'B'],
  ]);
  const starts = new Map<string, number>();
  const room = createMachineRoom({
    engine,
    network,
    random,
    hosts: at,
    startsClosed: true,
    onChange: (text) => tell(text.replace(A, 'server A').replace(B, 'server B')),
    onStart: (address) => starts.set(address, (starts.get(address) ?? 1) + 1),
  });
  const processes = new Map<string, Process>();
  const stateDirs = new Map<string, StateDir>();
  const proxies = new Map<string, RoutingProxy>();
  const agentOf = (address: string): Process | undefined =>
    processes.get(setup.agents === 'central' ? 'agent' : `agent${short(address)}`);

  const ledger = createLedger({
    engine,
    room,
    redis: redis.store,
    setup,
    spent: (address) => Math.max(0, ...[...stateDirs.values()].map((dir) => dir.spent(UNIQSIGN, address))),
    isHealthy,
    wasAgentAway: (address, sinceMs) => (agentOf(address)?.troubledMs() ?? 0) > sinceMs,
    tell,
  });

  function isWellSince(ms: number): boolean {
    return engine.now() - ms > WELL_MS;
  }

  function isConnected(one: string, other: string): boolean {
    return isWellSince(network.cutUntilMs(one, other)) && isWellSince(network.cutUntilMs(other, one));
  }

  function isAllElseWell(): boolean {
    const areProcesses = [...processes.values()].every((one) => isWellSince(one.troubledMs()));
    const areServers = [A, B].every((one) => isWellSince(room.troubledMs(one)));
    return areProcesses && areServers && hosts.every((one) => hosts.every((two) => isConnected(one, two)));
  }

  /** What keeps its right to be open; null when something was wrong with it just now, or it reaches nobody. */
  function isHealthy(address: string): string | null {
    const other = address === A ? B : A;
    const agent = agentOf(address);
    if (setup.agents === 'central' || agent === undefined || site.isRough) return null;
    if (!isWellSince(agent.troubledMs()) || !isWellSince(room.troubledMs(address))) return null;
    if (isAllElseWell()) return 'nothing but Redis had any trouble';
    const [mine, theirs] = [short(address), short(other)];
    if (isConnected(mine, R) && isWellSince(redis.troubledMs())) return 'it reaches Redis';
    const isPeerWell = isConnected(mine, theirs) && isWellSince(room.troubledMs(other));
    // Somebody may be taking over by what Redis said, or by its silence.
    const isQuiet = !room.server(other).isLockHeld && redis.rolledBackMs() < 0;
    return isPeerWell && isQuiet ? 'it reaches its peer' : null;
  }

  function add(name: string, host: string, main: (life: Life, around: Surroundings) => Promise<void>): void {
    const dir = createStateDir();
    stateDirs.set(name, dir);
    const process = createProcess({
      name,
      host,
      engine,
      network,
      rate: random.between(0.99, 1.01),
      offsetMs: random.between(0, 1_000_000),
      hook: (who, what, when) => site.hook(who, what, when),
      onCrash: (error) => crash(name, error),
      main: (life) =>
        main(life, {
          setup,
          hub: connectHub(life, { engine, network, random, redis: redis.store, isRedisUp: redis.isUp }),
          memory: dir.open(life),
          log: logOf(name),
        }),
    });
    processes.set(name, process);
    engine.at(random.between(0, 500), process.start);
  }

  function crash(name: string, error: unknown): void {
    const why = error instanceof Error ? error.stack : String(error);
    engine.at(0, () => {
      throw new Violation('crash', `${name} ended: ${why}`);
    });
  }

  function logOf(name: string): Log {
    const say =
      (level: string) =>
      (fields: object, message: string): void => {
        if (level === 'error' || level === 'warn') noteBug(name, fields);
        if (options.isTalkative)
          tell(`  ${name} ${level}: ${message} ${JSON.stringify(fields).slice(0, 400)}`);
      };
    const log: Log = {
      debug: () => undefined,
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      child: () => log,
    };
    return log;
  }

  /** Whatever is not one of our own errors is a mistake in the program. */
  function noteBug(name: string, fields: object): void {
    const reason = 'reason' in fields ? String(fields.reason) : '';
    if (/\b(TypeError|ReferenceError|RangeError|ZodError)\b/.test(reason)) crash(name, reason);
  }

  const operator = createMemoryHub(redis.store);
  let asked = 0;
  const site: Site = {
    setup,
    engine,
    network,
    room,
    ledger,
    redis,
    processes,
    hosts,
    proxies,
    topology: ledger.topology,
    tell,
    hook: () => undefined,
    isRough: false,
    ask(request) {
      if (!redis.isUp()) return;
      asked += 1;
      const { verb, ...rest } = request;
      tell(`an operator asks for ${verb} ${short(rest.to ?? null)}`);
      const whole = {
        v: 1,
        id: `r${asked}`,
        to: null,
        sidecar: null,
        by: 'operator',
        ...rest,
        verb,
      } as const;
      void operator.putRequest(UNIQSIGN, whole as Request, OPERATOR_MS);
    },
  };

  enter({
    engine,
    network,
    random,
    room,
    hosts: at,
    isRough: () => site.isRough,
    lifeOf: (name) => lifeOf(processes.get(name)),
    lifeBeside: (address) => lifeOf(agentOf(address)),
    startsOf: (address) => starts.get(address) ?? 1,
    startsClosed: setup.startsClosed,
    fence(address) {
      if (random.chance(0.3)) return false;
      tell(`server ${short(address)} is fenced from outside`);
      agentOf(address)?.kill();
      room.crash(address, random.between(5000, 15_000));
      engine.at(random.between(5000, 15_000), () => agentOf(address)?.start());
      return true;
    },
  });
  for (const host of ['M1', ...(setup.secondIdentify ? ['M2'] : [])]) {
    add(`monitor${host}`, host, runMonitor);
    add(`identify${host}`, host, runIdentify);
  }
  if (setup.agents === 'central') add('agent', 'M1', (life, around) => runAgent(life, around, null));
  else {
    add('agentA', 'A', (life, around) => runAgent(life, around, A));
    add('agentB', 'B', (life, around) => runAgent(life, around, B));
  }
  addClients();
  return site;

  function addClients(): void {
    const place = { engine, network, random, room, hosts: at, ledger };
    for (const host of setup.withSidecars ? ['A', 'M1'] : []) {
      const proxy: RoutingProxy = { route: null, floor: 0, onRoute: () => undefined };
      proxies.set(host, proxy);
      startRoutedClient(place, host, `routed${host}`, proxy);
      add(`sidecar${host}`, host, (life, { hub }) => runSidecar(life, hub, proxy));
    }
    startStubbornClient(place, 'B', 'directB');
    startStubbornClient(place, 'M1', 'directM1');
  }
}

function lifeOf(process: Process | undefined): Life {
  if (process?.life == null) throw new Error('that process is not running');
  return process.life;
}

function createRedisHost(engine: Engine): RedisHost {
  let downUntilMs = -1;
  let troubledMs = -1;
  let rolledBackMs = -1;
  let offsetMs = 1_700_000_000_000;
  const store = createMemoryRedis({ now: () => Math.floor(engine.now() + offsetMs) });
  return {
    store,
    isUp: () => downUntilMs <= engine.now(),
    pause(forMs) {
      downUntilMs = Math.max(downUntilMs, engine.now() + forMs);
    },
    empty() {
      troubledMs = engine.now();
      rolledBackMs = engine.now();
      store.restartEmpty();
    },
    snapshot: () => store.snapshot(),
    restore(snapshot) {
      troubledMs = engine.now();
      rolledBackMs = engine.now();
      store.restore(snapshot);
    },
    // Nothing may hang on its clock: this is no trouble.
    step(ms) {
      offsetMs += ms;
    },
    troubledMs: () => Math.max(troubledMs, downUntilMs),
    rolledBackMs: () => rolledBackMs,
  };
}
