/** What the parts of one lease keeper share and change. */
import { leaseTimes } from '../core/lease.ts';
import type { Topology } from '../core/model.ts';
import { begin, mayWrite, overtaken, type Tenure } from '../core/tenure.ts';
import type { Clock, Hub, LocalServer, Log, Memory, Server } from '../ports.ts';
import type { DeadMan } from './dead-man.ts';
import type { LocalProcess } from './local-process.ts';

/** What the parts of one lease keeper work with. */
export interface LeaseParts {
  /** Of the agent. */
  readonly id: string;
  readonly address: string;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  /** A handle of its own: nothing else the agent does with the server may hold it up. */
  readonly server: Server;
  readonly host: LocalServer;
  readonly process: LocalProcess;
  readonly deadMan: DeadMan;
  readonly state: LeaseState;
}

export interface LeaseState {
  /** The cluster of the server; null: not known yet. */
  uniqsign: string | null;
  /** The newest topology seen. */
  topology: Topology | null;
  /** null: the server has no right to be open that this agent knows of. */
  tenure: Tenure | null;
  /** Highest generation of a right that ended: the server is never open at it, or a lower one, again. */
  givenUp: number;
  /** Must be closed now although it has no tenure: why. */
  stray: string | null;
  /** Since when the open server has answered nothing. */
  silentSinceMs: number | null;
  /** Its process is no more. */
  isGone: boolean;
  /** The statement that opens may be on its way. */
  isOpening: boolean;
  isFencing: boolean;
  /** What the server was doing when this agent started is settled. */
  isSettled: boolean;
  /** A generation to be given up in Redis as well. */
  release: number | null;
}

/** While nothing else is known. */
const DEFAULT_TERM_MS = 5000;
const DEFAULT_FREEZE_MS = 3000;

export function createLeaseState(address: string, memory: Memory, tags: readonly string[]): LeaseState {
  const isOurs = (t: Topology | null): boolean =>
    t?.members.some((one) => one.address === address) === true && (tags.length === 0 || tags.includes(t.tag));
  return {
    uniqsign: memory.clusters().find((sign) => isOurs(memory.kept(sign))) ?? null,
    topology: null,
    tenure: null,
    givenUp: 0,
    stray: null,
    silentSinceMs: null,
    isGone: false,
    isOpening: false,
    isFencing: false,
    isSettled: false,
    release: null,
  };
}

/** Takes in a topology that is not older than those before. */
export function see(state: LeaseState, address: string, t: Topology): void {
  state.uniqsign = t.uniqsign;
  state.topology = t;
  const { tenure } = state;
  if (tenure === null || t.generation <= tenure.generation) return;
  const isOurs = tenure.deadlineMs === null && t.phase === 'stable' && mayWrite(t, address);
  state.tenure = isOurs
    ? begin(t.generation, leaseTimes(t.policy.leaseMs), tenure.trialUntilMs)
    : overtaken(tenure);
}

/** The topology that is to be gone by: the newest seen, else the one kept. */
export function knownTopology(state: LeaseState, memory: Memory): Topology | null {
  return state.topology ?? (state.uniqsign === null ? null : memory.kept(state.uniqsign));
}

export function termMsOf(t: Topology | null): number {
  return t?.policy.leaseMs ?? DEFAULT_TERM_MS;
}

export function freezeMsOf(t: Topology | null): number {
  return t?.policy.freezeMs ?? DEFAULT_FREEZE_MS;
}
