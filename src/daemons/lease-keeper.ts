/**
 * The lease of one server, kept by the agent on its machine. One loop asks for another term while the server is open
 * and leaves a dead-man in it; the other closes it when no term comes, whatever the rest of the agent is doing.
 */
import type { Topology } from '../core/model.ts';
import type { Clock, Hub, LocalServer, Log, Memory, Server, ServerFactory } from '../ports.ts';
import { createDeadMan } from './dead-man.ts';
import { createGrantors } from './grantors.ts';
import { createEndings } from './lease-endings.ts';
import { createLeaseGuard } from './lease-guard.ts';
import { leaveOpen } from './lease-leaving.ts';
import { createLeaseOpening, type Outcome } from './lease-opening.ts';
import { createLeaseRenewal } from './lease-renewal.ts';
import { createLeaseState, see } from './lease-state.ts';
import { createLocalProcess } from './local-process.ts';
import { startLoop } from './loop.ts';
import { createTrouble } from './trouble.ts';

/** A server on the agent's own machine. */
export interface Local {
  readonly address: string;
  /** `onLost`: called at once when the kept connection is lost. */
  readonly connect: (onLost: () => void) => Server;
  readonly host: LocalServer;
}

export interface LeaseKeeper {
  readonly address: string;
  /** The cluster it is of; null: not known yet. */
  uniqsign(): string | null;
  /** A topology was read, not older than those before. */
  see(t: Topology): void;
  /** Who else holds its lease, so that nothing may be done with the server; null: nobody. */
  heldByAnother(): string | null;
  /** The generation at which a term was granted that has not ended; 0: none. */
  holds(): number;
  /** The term of that; 0: none. */
  termMs(): number;
  /** The highest generation at which the server must not be open any more; 0: none. */
  givenUp(): number;
  /** Its process is no more, and it starts closed. */
  isGone(): boolean;
  /** null: not known. */
  startsClosed(): boolean | null;
  /** The part of `beforeOpening` that takes longest, done ahead. Never rejects. */
  prepareOpening(t: Topology): Promise<void>;
  /**
   * The last thing before the statement that opens: a dead-man and a term. Why it must not be sent, or null. Rejects
   * with HubError when Redis does not answer: it may be tried again.
   */
  beforeOpening(t: Topology): Promise<string | null>;
  /** What became of that statement. */
  afterOpening(outcome: Outcome): Promise<void>;
  /**
   * Runs until `signal` aborts, then takes back the dead-man if Redis lets it: the server stays as it is. `onNews` is
   * called whenever the member is worth a look. Never rejects.
   */
  run(signal: AbortSignal, onNews: () => void): Promise<void>;
  end(): void;
}

export interface LeaseOptions {
  readonly local: Local;
  /** Id of the agent. */
  readonly id: string;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  /** Only these tags; empty: every cluster. */
  readonly tags: readonly string[];
  /** The other members. */
  readonly others: ServerFactory;
  /** What the configuration says; null: find out. */
  readonly startsClosed: boolean | null;
}

/** After a pass that failed in a way nobody thought of. */
const AGAIN_MS = 200;

export function createLeaseKeeper(options: LeaseOptions): LeaseKeeper {
  const { id, hub, clock, memory } = options;
  const { address, host } = options.local;
  const log = options.log.child({ member: address });
  const state = createLeaseState(address, memory, options.tags);
  let wakeRenewal = (): void => undefined;
  let wakeGuard = (): void => undefined;
  let onNews = (): void => undefined;
  const server = options.local.connect(() => {
    renewal.connectionLost();
    wakeRenewal();
  });
  const process = createLocalProcess({ address, host, clock, log, startsClosed: options.startsClosed });
  const deadMan = createDeadMan(server, log);
  const parts = { id, address, hub, clock, memory, log, server, host, process, deadMan, state };
  const endings = createEndings(parts, () => onNews());
  const wakes = { wakeGuard: () => wakeGuard(), onNews: () => onNews() };
  const grantors = createGrantors({ hub, clock, others: options.others });
  const renewal = createLeaseRenewal({ ...parts, ...wakes, endings, grantors });
  const guard = createLeaseGuard(parts, endings);
  const opening = createLeaseOpening({ ...parts, ...wakes, endings });

  /** Passes and openings share the dead-man: one at a time. */
  let queue: Promise<unknown> = Promise.resolve();
  function exclusive<T>(task: () => Promise<T>): Promise<T> {
    const done = queue.then(task);
    queue = done.catch(() => undefined);
    return done;
  }

  async function run(signal: AbortSignal, hear: () => void): Promise<void> {
    onNews = hear;
    const trouble = createTrouble(log);
    let renewMs = AGAIN_MS;
    let guardMs = AGAIN_MS;
    const renewing = startLoop({
      ...{ clock, signal, everyMs: () => renewMs, onError: trouble.report },
      step: async () => {
        renewMs = AGAIN_MS;
        renewMs = await exclusive(renewal.pass);
        trouble.over();
      },
    });
    const guarding = startLoop({
      ...{ clock, signal, everyMs: () => guardMs, onError: trouble.report },
      step: async () => {
        guardMs = AGAIN_MS;
        guardMs = await guard.pass();
      },
    });
    wakeRenewal = renewing.wake;
    wakeGuard = guarding.wake;
    await Promise.all([renewing.done, guarding.done]);
    await leaveOpen(parts).catch(trouble.report);
  }

  return {
    address,
    uniqsign: () => state.uniqsign,
    see: (t) => {
      see(state, address, t);
    },
    heldByAnother: () => state.tenure?.foreign?.agent ?? null,
    holds: () => (state.tenure?.deadlineMs == null ? 0 : state.tenure.generation),
    termMs: () => (state.tenure?.deadlineMs == null ? 0 : state.tenure.times.termMs),
    givenUp: () => state.givenUp,
    isGone: () => state.isGone && process.startsClosed() === true,
    startsClosed: process.startsClosed,
    prepareOpening: (t) => exclusive(() => opening.prepare(t)),
    beforeOpening: (t) => exclusive(() => opening.before(t)),
    afterOpening: async (outcome) => {
      await exclusive(() => opening.after(outcome));
      wakeRenewal();
    },
    run,
    end: () => server.end(),
  };
}
