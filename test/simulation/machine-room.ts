/** The database servers as machines: they crash and are started again, stand still and go on. */
import { createFakeWorld, type FakeServer, type FakeWorld } from '../support/fake-server.ts';
import type { Engine } from './engine.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';

export interface MachineRoom {
  readonly world: FakeWorld;
  server(address: string): FakeServer;
  /** Serves at once, or when the server has thawed or died. */
  whenReady(address: string, serve: () => void): void;
  /** Dies, and is started again by its supervisor after `downMs`. */
  crash(address: string, downMs: number): void;
  freeze(address: string, forMs: number): void;
  /** Calls back whenever the connections to this server are broken off although it runs. */
  onReset(address: string, act: () => void): void;
  reset(address: string): void;
  /** Replication moves slowly, or not at all, for a while. */
  lag(address: string, forMs: number): void;
  /** When it last was not simply running. */
  troubledMs(address: string): number;
  /** Of the present or the last standstill. */
  frozen(address: string): { readonly fromMs: number; readonly untilMs: number };
  /** Everything runs again, and from now on links deliver. */
  heal(): void;
}

interface Machine {
  readonly host: string;
  waiting: (() => void)[];
  readonly connections: (() => void)[];
  frozenFromMs: number;
  frozenUntilMs: number;
  downUntilMs: number;
  laggingUntilMs: number;
}

/** A link moves so often. */
const DELIVERY_MS = 80;

export function createMachineRoom(options: {
  readonly engine: Engine;
  readonly network: Network;
  readonly random: Random;
  /** By address: the host it runs on. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly startsClosed: boolean;
  readonly onChange: (text: string) => void;
  readonly onStart: (address: string) => void;
}): MachineRoom {
  const { engine, network, random, hosts, onChange } = options;
  const addresses = [...hosts.keys()];
  const world = createFakeWorld(
    addresses.map((address, n) => ({ address, writable: n === 0, startsClosed: options.startsClosed })),
    () => engine.now(),
  );
  const machines = new Map<string, Machine>();
  for (const [address, host] of hosts) {
    machines.set(address, {
      host,
      waiting: [],
      connections: [],
      frozenFromMs: -1,
      frozenUntilMs: -1,
      downUntilMs: -1,
      laggingUntilMs: -1,
    });
    for (const source of addresses) if (source !== address) world.link(address, source);
  }
  const machineOf = (address: string): Machine => {
    const machine = machines.get(address);
    if (machine === undefined) throw new Error(`no machine for ${address}`);
    return machine;
  };

  function release(machine: Machine): void {
    const { waiting } = machine;
    machine.waiting = [];
    for (const serve of waiting) engine.at(random.between(0, 5), serve);
  }

  function replicate(address: string): void {
    const machine = machineOf(address);
    const isReached = [...machines.values()].every((other) => network.isUp(other.host, machine.host));
    if (isReached) {
      if (machine.laggingUntilMs > engine.now()) world.receiveOnly(address);
      else world.deliver(address);
    }
    engine.at(random.between(0.5, 1.5) * DELIVERY_MS, () => replicate(address));
  }
  for (const address of addresses) replicate(address);

  function restart(address: string): void {
    const server = world.server(address);
    if (server.state !== 'down' || engine.now() < machineOf(address).downUntilMs) return;
    server.restart();
    options.onStart(address);
    onChange(`${address} was started again`);
  }

  function thaw(address: string): void {
    const machine = machineOf(address);
    if (engine.now() < machine.frozenUntilMs || world.server(address).state !== 'frozen') return;
    world.server(address).thaw();
    onChange(`${address} goes on`);
    release(machine);
  }

  return {
    world,
    server: (address) => world.server(address),
    whenReady(address, serve) {
      if (world.server(address).state === 'frozen') machineOf(address).waiting.push(serve);
      else serve();
    },
    crash(address, downMs) {
      const machine = machineOf(address);
      const server = world.server(address);
      machine.downUntilMs = Math.max(machine.downUntilMs, engine.now() + downMs);
      if (server.state !== 'down') {
        server.crash();
        onChange(`${address} is dead`);
      }
      machine.frozenUntilMs = Math.min(machine.frozenUntilMs, engine.now());
      release(machine);
      engine.at(downMs, () => restart(address));
    },
    freeze(address, forMs) {
      const machine = machineOf(address);
      const server = world.server(address);
      if (server.state === 'down') return;
      if (server.state === 'running') machine.frozenFromMs = engine.now();
      machine.frozenUntilMs = Math.max(machine.frozenUntilMs, engine.now() + forMs);
      server.freeze();
      engine.at(forMs, () => thaw(address));
    },
    onReset: (address, act) => void machineOf(address).connections.push(act),
    reset(address) {
      for (const act of machineOf(address).connections) act();
    },
    lag(address, forMs) {
      machineOf(address).laggingUntilMs = engine.now() + forMs;
    },
    troubledMs: (address) => {
      const machine = machineOf(address);
      const isRunning = world.server(address).state === 'running';
      return isRunning ? Math.max(machine.frozenUntilMs, machine.downUntilMs) : engine.now();
    },
    frozen: (address) => {
      const { frozenFromMs: fromMs, frozenUntilMs: untilMs } = machineOf(address);
      return { fromMs, untilMs };
    },
    heal() {
      for (const [address, machine] of machines) {
        machine.downUntilMs = Math.min(machine.downUntilMs, engine.now());
        machine.frozenUntilMs = Math.min(machine.frozenUntilMs, engine.now());
        machine.laggingUntilMs = -1;
        thaw(address);
        restart(address);
      }
    },
  };
}
