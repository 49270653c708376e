/**
 * What must hold at every moment, looked at after every event, by the ids of the list of invariants:
 * I1 never two writable servers; I2 no write acknowledged by an older generation after one by a newer;
 * I3 nothing acknowledged is lost in silence; I5 generations only grow, each has one holder and opens a server once;
 * I8 there is a writer again after peace; I9 a healthy writer that reaches Redis or its peer is left alone;
 * I10 everything converges after restarts.
 */
import { Topology } from '../../src/core/model.ts';
import { clusterKey } from '../../src/hub/keys.ts';
import type { FakeServer } from '../support/fake-server.ts';
import type { MemoryRedis } from '../support/memory-redis.ts';
import type { Connection } from './clients.ts';
import type { Engine } from './engine.ts';
import type { MachineRoom } from './machine-room.ts';
import { A, B, promisesOneWriter, type Setup, UNIQSIGN } from './setup.ts';

/** A broken invariant ends the run. */
export class Violation extends Error {
  readonly id: string;
  constructor(id: string, what: string) {
    super(`${id}: ${what}`);
    this.id = id;
  }
}

export interface Tally {
  openings: number;
  /** Servers that were closed although they ran. */
  closings: number;
  generations: number;
  /** With two writable servers where one is not promised: without local agents, or by an accepted risk. */
  bestEffort: number;
  /** Two writable servers for a moment, after one stood still together with its agent. */
  thaws: number;
  acknowledged: number;
  writableMs: number;
  totalMs: number;
}

export interface Ledger {
  readonly tally: Tally;
  /** After every event. Throws Violation. */
  look(): void;
  committed(value: string, address: string, invokedMs: number): void;
  acknowledged(value: string): void;
  connected(connection: Connection): void;
  /** Values that clients were told are committed. */
  readonly told: ReadonlySet<string>;
  topology(): Topology | null;
  /** The highest generation that was ever stored. */
  highest(): number;
}

export interface LedgerOptions {
  readonly engine: Engine;
  readonly room: MachineRoom;
  readonly redis: MemoryRedis;
  readonly setup: Setup;
  /** The generation at which a server was last opened by an agent. */
  readonly spent: (address: string) => number;
  /** What keeps this writer's right to be open, in words; null: it may have to be closed. */
  readonly isHealthy: (address: string) => string | null;
  /** The agent of that server was dead or stood still at some time since. */
  readonly wasAgentAway: (address: string, sinceMs: number) => boolean;
  readonly tell: (text: string) => void;
}

interface Written {
  readonly generation: number;
  readonly invokedMs: number;
}

/** How long the first statements may run in a server that has just thawed. */
const THAW_MS = 700;
const RISKS: readonly (string | null)[] = ['e', 'f', 'b-weak'];

export function createLedger(options: LedgerOptions): Ledger {
  const { engine, room, redis, setup, tell } = options;
  const tally: Tally = {
    openings: 0,
    closings: 0,
    generations: 0,
    bestEffort: 0,
    thaws: 0,
    acknowledged: 0,
    writableMs: 0,
    totalMs: 0,
  };
  const servers = [A, B].map((address) => ({ address, server: room.server(address) }));
  const open = new Map<string, number>(servers.map(({ address }) => [address, address === A ? 0 : -1]));
  const openedBy = new Map<number, string>();
  const holders = new Map<number, string>();
  const proofs = new Map<number, string | null>();
  const written = new Map<string, Written>();
  const told = new Set<string>();
  /** By address: how much of its log was looked at. */
  const held = new Map<string, number>();
  let connections: Connection[] = [];
  let closingMs = 0;
  const firstTold = new Map<number, number>();
  let highestOpened = 0;
  let highestStored = 0;
  let text: string | null = null;
  let incarnation = '';
  let topology: Topology | null = null;
  let lastTopology: Topology | null = null;
  let lastMs = 0;
  let isDual = false;
  const key = clusterKey(UNIQSIGN, 'topology');

  function look(): void {
    const nowMs = engine.now();
    const anyOpen = [...open.values()].some((generation) => generation >= 0);
    if (anyOpen) tally.writableMs += nowMs - lastMs;
    tally.totalMs += nowMs - lastMs;
    lastMs = nowMs;
    readTopology();
    for (const { address, server } of servers) {
      const isOpen = server.writable;
      const was = (open.get(address) ?? -1) >= 0;
      if (isOpen && !was) noteOpening(address);
      else if (!isOpen && was) noteClosing(address);
    }
    lookForTwo();
    for (const { address, server } of servers) lookForMerge(address, server);
  }

  /** What an old writer had and the new one lacked must not flow into that one: it would be written over newer data. */
  function lookForMerge(address: string, { id, log }: FakeServer): void {
    const from = held.get(address) ?? 0;
    if (log.length === from) return;
    held.set(address, log.length);
    if ((open.get(address) ?? -1) < 0 || tally.bestEffort + tally.thaws > 0) return;
    const merged = log.slice(from).find((one) => one.server !== id);
    if (merged !== undefined)
      throw new Violation('I3', `${merged.value} was merged into the open ${address}`);
  }

  function readTopology(): void {
    const stored = redis.find(key, 'string')?.text ?? null;
    if (stored === text) return;
    text = stored;
    if (stored === null) {
      topology = null;
      tell('REDIS holds no topology');
      return;
    }
    const t = Topology.parse(JSON.parse(stored));
    const before = topology ?? lastTopology;
    topology = t;
    lastTopology = t;
    const states = t.members.map((m) => `${m.address === A ? 'A' : 'B'} ${m.state}`).join(', ');
    tell(
      `TOPOLOGY ${t.generation}.${t.step} ${t.kind} ${t.phase} from ${short(t.from)} to ${short(t.to)} writer ${short(t.writer)} proof ${t.proof} (${states}): ${t.reason}`,
    );
    noteNeedless(before, t);
    noteOrder(before, t);
    if (t.generation > highestStored) {
      tally.generations += 1;
      highestStored = t.generation;
    }
    proofs.set(t.generation, t.proof);
    if (t.phase === 'stable' && t.writer !== null) {
      const holder = holders.get(t.generation) ?? t.writer;
      if (holder !== t.writer)
        throw new Violation('I5', `generation ${t.generation} has two holders, ${holder} and ${t.writer}`);
      holders.set(t.generation, holder);
      // It was adopted, or left open, by this generation.
      const was = open.get(t.writer) ?? -1;
      if (was >= 0) open.set(t.writer, Math.max(was, t.generation));
    }
    if (before?.generation !== t.generation) closingMs = engine.now();
    if (t.phase === 'opening' && t.proof === 'a' && before?.phase === 'closing') noteSurvivors(t.from);
  }

  /** In one Redis process the topology only goes on. */
  function noteOrder(before: Topology | null, t: Topology): void {
    const isSame = redis.incarnation() === incarnation;
    incarnation = redis.incarnation();
    if (!isSame || before === null) return;
    const isOn = t.generation === before.generation ? t.step > before.step : t.generation > before.generation;
    if (isOn) return;
    const [from, to] = [`${before.generation}.${before.step}`, `${t.generation}.${t.step}`];
    throw new Violation('I5', `the topology went back from ${from} to ${to}`);
  }

  /** Whoever was connected when the close began must have been cut off by it. */
  function noteSurvivors(address: string | null): void {
    connections = connections.filter(({ session }) => session?.connected);
    if (connections.some((one) => one.address === address && one.sinceMs < closingMs))
      throw new Violation('I1', `a session has outlived the close of ${address}`);
  }

  function noteNeedless(before: Topology | null, t: Topology): void {
    const writer = holders.get(before?.generation ?? -1);
    if (writer === undefined || t.generation <= (before?.generation ?? 0) || t.phase === 'stable') return;
    if (t.request !== null || t.asked || t.kind === 'undo' || t.reason.includes('failback')) return;
    const health = room.server(writer).writable ? options.isHealthy(writer) : null;
    if (health !== null) throw new Violation('I9', `a handover away from a healthy writer: ${health}`);
  }

  function noteOpening(address: string): void {
    const generation = Math.max(0, options.spent(address));
    tally.openings += 1;
    tell(`OPEN ${short(address)} at generation ${generation}`);
    open.set(address, generation);
    const before = openedBy.get(generation);
    if (before !== undefined) throw new Violation('I5', `generation ${generation} opened a second time`);
    if (generation < highestOpened)
      throw new Violation('I5', `generation ${generation} opened after ${highestOpened}`);
    openedBy.set(generation, address);
    highestOpened = generation;
  }

  function noteClosing(address: string): void {
    const generation = open.get(address);
    open.set(address, -1);
    if (room.server(address).state === 'down') return;
    tally.closings += 1;
    tell(`CLOSED ${short(address)}`);
    // Nobody has decided anything since it was the writer for everybody, whatever Redis has kept of that.
    if (generation !== highestStored || holders.get(generation) !== address) return;
    const health = options.isHealthy(address);
    if (health !== null) throw new Violation('I9', `a healthy writer was closed: ${health}`);
  }

  function lookForTwo(): void {
    const both = servers.every(({ server }) => server.writable && server.state === 'running');
    if (both && !isDual) {
      tell('TWO WRITABLE SERVERS');
      const label = excuse();
      if (label === null)
        throw new Violation('I1', `two writable servers, opened at ${[...open.values()].join(' and ')}`);
      tally[label] += 1;
      tell(`(${label})`);
    }
    isDual = both;
  }

  function excuse(): 'bestEffort' | 'thaws' | null {
    const nowMs = engine.now();
    const hasThawed = servers.some(({ address }) => {
      const { fromMs, untilMs } = room.frozen(address);
      const isRecent = untilMs > 0 && nowMs >= untilMs && nowMs - untilMs < THAW_MS;
      return isRecent && options.wasAgentAway(address, fromMs);
    });
    if (hasThawed) return 'thaws';
    return isCertain(Math.max(...open.values())) ? null : 'bestEffort';
  }

  /** The writer before this generation was surely closed; a moment after a standstill counts as two as well. */
  function isCertain(generation: number): boolean {
    return promisesOneWriter(setup) && !RISKS.includes(proofs.get(generation) ?? null) && tally.thaws === 0;
  }

  return {
    tally,
    look,
    told,
    topology: () => topology,
    highest: () => highestStored,
    connected: (connection) => void connections.push(connection),
    committed(value, address, invokedMs) {
      written.set(value, { generation: Math.max(0, open.get(address) ?? 0), invokedMs });
    },
    acknowledged(value) {
      const one = written.get(value);
      if (one === undefined) throw new Violation('I3', `${value} was acknowledged and never written`);
      tally.acknowledged += 1;
      told.add(value);
      if (!firstTold.has(one.generation)) firstTold.set(one.generation, engine.now());
      for (const [generation, ms] of firstTold) {
        if (generation <= one.generation || one.invokedMs <= ms || !isCertain(generation)) continue;
        throw new Violation(
          'I2',
          `${value} of generation ${one.generation} came after generation ${generation}`,
        );
      }
    },
  };
}

export function short(address: string | null): string {
  return address === A ? 'A' : address === B ? 'B' : '-';
}
