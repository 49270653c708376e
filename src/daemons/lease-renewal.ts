/** Looks at the server of this machine, and asks for another term while it may stay open. */
import { leaseTimes, lockName } from '../core/lease.ts';
import type { Topology } from '../core/model.ts';
import {
  armMs,
  begin,
  granted,
  heldBy,
  mayAsk,
  mayAskPeer,
  mayWrite,
  onTrial,
  overtaken,
  spentAlready,
  type Tenure,
  TRIAL_MS,
  unanswered,
} from '../core/tenure.ts';
import { MmmError, ServerError } from '../errors.ts';
import type { Glance } from '../ports.ts';
import type { Answer, Grantors } from './grantors.ts';
import type { Endings } from './lease-endings.ts';
import { freezeMsOf, knownTopology, type LeaseParts, termMsOf } from './lease-state.ts';

export interface LeaseRenewal {
  /** Resolves with how long to wait for the next. */
  pass(): Promise<number>;
  /** The kept connection to the server was lost: it may have died. */
  connectionLost(): void;
}

/** While a moment counts: a server on trial, or dead and to be looked at as soon as it is back. */
const HURRY_MS = 50;
/** By a step of the server's own clock its uptime may be this wrong. */
const UPTIME_ERROR_SECONDS = 3;

export function createLeaseRenewal(
  parts: LeaseParts & {
    readonly endings: Endings;
    readonly grantors: Grantors;
    readonly wakeGuard: () => void;
    readonly onNews: () => void;
  },
): LeaseRenewal {
  const { id, address, clock, memory, log, server, state, process, deadMan, endings } = parts;
  let isConnectionLost = false;
  /** The writer refuses connections, and its process is still there: it is about to end, most likely. */
  let isEnding = false;
  /** The last glance came to nothing. */
  let hasMissed = false;
  let isKeeping = false;
  let before: { readonly uptimeSeconds: number; readonly atMs: number } | null = null;

  async function pass(): Promise<number> {
    const startedMs = clock.now();
    await endings.release();
    const wasLost = isConnectionLost;
    isConnectionLost = false;
    if (wasLost && !state.isGone && (await process.hasDied())) await endings.died();
    if (!state.isOpening && !state.isFencing) await glance(startedMs, wasLost);
    if (isUrgent()) return HURRY_MS;
    return Math.max(0, startedMs + everyMs() - clock.now());
  }

  /** A frozen server must be noticed in time, however long its term is. */
  function everyMs(): number {
    const t = knownTopology(state, memory);
    return Math.min(leaseTimes(termMsOf(t)).renewMs, freezeMsOf(t) / 4);
  }

  function isUrgent(): boolean {
    const isOnTrial = state.tenure !== null && state.tenure.trialUntilMs !== null;
    return isOnTrial || isEnding || state.isGone || state.release !== null;
  }

  async function glance(askedMs: number, wasLost: boolean): Promise<void> {
    const boundMs = glanceMs();
    try {
      const seen = await server.glance(lockName(state.uniqsign ?? ''), boundMs);
      state.silentSinceMs = null;
      state.isGone = false;
      isEnding = false;
      const isAnother = await isAnotherServer(seen, askedMs, wasLost || isConnectionLost || hasMissed);
      hasMissed = false;
      process.refresh();
      if (state.isFencing) return;
      if (seen.readOnly) await closed();
      else if (isAnother && (state.tenure !== null || state.givenUp > 0)) stray('it has come back open');
      else await open(askedMs);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      hasMissed = true;
      // An agent that was frozen itself has not listened all that time.
      await unreachable(error, Math.max(askedMs, clock.now() - boundMs));
    }
  }

  /** Whoever has missed a bound must log in anew, and a busy server may need longer for that. */
  function glanceMs(): number {
    const t = knownTopology(state, memory);
    const { answerMs } = leaseTimes(termMsOf(t));
    return hasMissed ? Math.max(answerMs, freezeMsOf(t) / 2) : answerMs;
  }

  /** Another process serves than at the last glance: never over the same connection, whatever its clock says. */
  async function isAnotherServer(
    { uptimeSeconds }: Glance,
    askedMs: number,
    isOtherConnection: boolean,
  ): Promise<boolean> {
    const elapsedSeconds = before === null ? 0 : (askedMs - before.atMs) / 1000;
    const isYounger =
      before !== null && uptimeSeconds + UPTIME_ERROR_SECONDS < before.uptimeSeconds + elapsedSeconds;
    before = { uptimeSeconds, atMs: askedMs };
    const isSame = isOtherConnection ? await process.isSame() : true;
    return process.wasReplaced() || (isYounger && !isSame);
  }

  async function unreachable(error: ServerError, askedMs: number): Promise<void> {
    if (error.trouble !== 'silent') state.silentSinceMs = null;
    else if (state.tenure !== null) state.silentSinceMs ??= askedMs;
    parts.wakeGuard();
    if (error.trouble === 'refused' && !state.isGone && (await process.hasDied())) await endings.died();
    isEnding = error.trouble === 'refused' && state.tenure !== null;
  }

  async function closed(): Promise<void> {
    state.isSettled = true;
    endings.end('the server is closed');
    await deadMan.disarm();
  }

  async function open(askedMs: number): Promise<void> {
    if (state.tenure === null) await claim(askedMs);
    if (state.tenure !== null && state.uniqsign !== null && mayAsk(state.tenure)) {
      await renew(state.tenure, state.uniqsign);
    }
  }

  /** The server is open, and nobody here has a right to it. */
  async function claim(nowMs: number): Promise<void> {
    const { uniqsign, topology } = state;
    if (uniqsign === null) return;
    if (!state.isSettled) {
      const kept = memory.kept(uniqsign);
      const generation = onTrial(address, { spent: memory.spent(uniqsign, address), kept, topology });
      if (generation !== null) return startTrial(generation, nowMs);
      if (topology === null) return;
      state.isSettled = true;
    }
    if (topology?.phase === 'stable' && mayWrite(topology, address) && topology.generation > state.givenUp) {
      state.tenure = begin(topology.generation, leaseTimes(topology.policy.leaseMs));
    } else if (state.givenUp > 0) stray('it is open, and has no right to be');
  }

  function startTrial(generation: number, nowMs: number): void {
    state.isSettled = true;
    const times = leaseTimes(termMsOf(knownTopology(state, memory)));
    const tenure = begin(generation, times, nowMs + TRIAL_MS);
    // Redis may be away now, and the peer knows nothing of generations.
    const isOver = memory.floor(state.uniqsign ?? '') > generation;
    state.tenure = isOver ? overtaken(tenure) : tenure;
    log.info({ generation, withinMs: TRIAL_MS }, 'found the server open: asks whether it may be');
    parts.wakeGuard();
  }

  function stray(why: string): void {
    state.stray = why;
    parts.wakeGuard();
  }

  async function renew(tenure: Tenure, uniqsign: string): Promise<void> {
    const t = topologyOf(tenure);
    if (!(await remember(tenure, t))) return;
    const renewal = { member: address, agent: id, generation: tenure.generation, armed: deadMan.isArmed() };
    const peersOf = mayAskPeer(tenure) ? t : null;
    const answer = await parts.grantors.ask(uniqsign, renewal, peersOf, tenure.times.answerMs);
    if (state.tenure?.generation !== tenure.generation) return;
    state.tenure = answered(state.tenure, answer);
    parts.wakeGuard();
    if (answer.says !== 'granted' || state.tenure.isLost) return;
    if (answer.byRedis && deadMan.isOutdated()) await deadMan.disarm();
    const sleepMs = armMs(state.tenure, clock.now());
    if (sleepMs !== null) await deadMan.arm(sleepMs);
  }

  /** Names the other members, of its own generation or of one before. */
  function topologyOf(tenure: Tenure): Topology | null {
    const t = knownTopology(state, memory);
    return t === null || t.generation > tenure.generation ? null : t;
  }

  /** Whoever comes after a crash must know that this generation has opened the server. */
  async function remember(tenure: Tenure, t: Topology | null): Promise<boolean> {
    if (t?.generation !== tenure.generation) return true;
    if (tenure.deadlineMs !== null) {
      keepLater(t);
      return true;
    }
    try {
      await memory.spend(t.uniqsign, address, t.generation);
      await memory.keep(t);
      return true;
    } catch (error) {
      if (!(error instanceof MmmError)) throw error;
      log.error({ reason: error.message }, 'no lease is asked for: it could not be remembered');
      return false;
    }
  }

  /** What is held already was remembered when it began: a slow disk must not cost it a term. */
  function keepLater(t: Topology): void {
    if (isKeeping) return;
    isKeeping = true;
    memory
      .keep(t)
      .catch((err: unknown) => log.debug({ err }, 'the topology is not remembered yet'))
      .finally(() => {
        isKeeping = false;
      });
  }

  function answered(tenure: Tenure, answer: Answer): Tenure {
    const fields = { generation: tenure.generation };
    switch (answer.says) {
      case 'granted':
        if (tenure.deadlineMs === null) log.info({ ...fields, byRedis: answer.byRedis }, 'holds the lease');
        return granted(tenure, answer.askedMs);
      case 'lost':
        log.warn({ ...fields, by: answer.generation }, 'the lease was overtaken');
        parts.onNews();
        return answer.generation === tenure.generation
          ? spentAlready(tenure, clock.now())
          : overtaken(tenure);
      case 'foreign':
        if (tenure.foreign?.agent !== answer.agent)
          log.error({ ...fields, holder: answer.agent }, 'another agent holds the lease: stands aside');
        return heldBy(tenure, answer.agent, answer.counter, clock.now());
      case 'nothing':
        return unanswered(tenure, clock.now());
    }
  }

  return {
    pass,
    connectionLost: () => {
      isConnectionLost = true;
    },
  };
}
