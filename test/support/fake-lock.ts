/**
 * The promotion lock and the dead-man of a server in memory. Both live in the server: it lets go of an idle lock, and
 * closes itself, by its own clock and whatever has become of the client.
 */
import { ServerError } from '../../src/errors.ts';
import type { PromotionLock } from '../../src/ports.ts';

/** How a connection is broken without either side being told. */
export type Broken = 'answers' | 'both';

/** What the server knows of one session that holds a lock. */
interface LockSession {
  readonly name: string;
  heardAtMs: number;
  /** Ended by the client, or killed: the server lets go of it as soon as it runs. */
  ended: boolean;
  /** `answers`: the server hears us, but no answer comes. `both`: nothing goes through either way. */
  broken: Broken | null;
}

interface DeadMan {
  readonly firesAtMs: number;
}

/** The part of a server that locks and dead-men work on. */
export interface Lockable {
  readonly address: string;
  state: 'running' | 'frozen' | 'down';
  writable: boolean;
  locks: LockSession[];
  deadMen: DeadMan[];
  /** A statement of an application is running: read-only has to wait for it. */
  readonly isBusy: () => boolean;
}

/** An idle lock session is dropped after this. */
const IDLE_MS = 2000;
/** The server refuses to open later than this. */
const WANTED_MS = 1500;

/** Brings a server up to now: what its own timers would have done meanwhile. A frozen one does it when it thaws. */
export function settle(server: Lockable, nowMs: number): void {
  if (server.state !== 'running') return;
  server.locks = server.locks.filter((one) => !one.ended && nowMs - one.heardAtMs <= IDLE_MS);
  const isDue = (one: DeadMan): boolean => one.firesAtMs <= nowMs;
  if (server.isBusy() || !server.deadMen.some(isDue)) return;
  server.writable = false;
  server.deadMen = server.deadMen.filter((one) => !isDue(one));
}

/** The process is gone, and with it everything in it. */
export function forget(server: Lockable): void {
  for (const one of server.locks) one.ended = true;
  server.locks = [];
  server.deadMen = [];
}

export function arm(server: Lockable, nowMs: number, ms: number): void {
  server.deadMen = [{ firesAtMs: nowMs + ms }];
}

export function isFree(server: Lockable, name: string): boolean {
  return server.locks.every((one) => one.name !== name);
}

/** null: somebody else holds it. */
export function takeLock(server: Lockable, name: string, nowMs: () => number): PromotionLock | null {
  if (!isFree(server, name)) return null;
  const session: LockSession = {
    name,
    heardAtMs: nowMs(),
    ended: false,
    broken: null,
  };
  server.locks = [...server.locks, session];
  let given = false;
  const release = (): void => {
    given = true;
    // The end of a connection that nothing goes through is not heard of either.
    if (session.broken !== 'both') session.ended = true;
    settle(server, nowMs());
  };
  /** Sends one statement: whether the server got it, and whether its answer came back. */
  const send = (): 'lost' | 'unanswered' | 'answered' => {
    if (given) return 'lost';
    settle(server, nowMs());
    if (!server.locks.includes(session)) return 'lost';
    if (server.state !== 'running' || session.broken === 'both') return 'unanswered';
    session.heardAtMs = nowMs();
    return session.broken === null ? 'answered' : 'unanswered';
  };
  return {
    keep: async () => {
      if (send() === 'answered') return true;
      if (!given) release();
      return false;
    },
    open: async (stillWanted) => {
      if (send() !== 'answered') {
        release();
        return false;
      }
      const askedMs = nowMs();
      if (!(await stillWanted().catch(() => false))) return false;
      const sent = send();
      const isHeard = sent !== 'lost' && server.state === 'running' && session.broken !== 'both';
      if (isHeard && nowMs() - askedMs <= WANTED_MS) server.writable = true;
      if (sent === 'answered') return server.writable;
      release();
      if (sent === 'lost') return false;
      throw new ServerError('silent', `${server.address}: no answer (while clearing read_only)`);
    },
    release: () => {
      if (!given) release();
    },
  };
}
