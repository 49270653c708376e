/**
 * A statement that sleeps inside the server and then closes it, unless it was ended before: also when nobody is left
 * to end it. There are several for a moment only: the earlier ones are ended when the next one is seen to sleep.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ServerError } from '../errors.ts';
import type { Control } from './control.ts';
import type { Dialect, Own, Row, Statement } from './dialects/dialect.ts';
import { deadMen, isAsleep } from './dialects/lease.ts';
import { PENDING, within } from './patience.ts';
import { errnoOf, NO_SUCH_SESSION } from './reasons.ts';
import type { Session } from './session.ts';

export interface DeadMan {
  arm(ms: number): Promise<void>;
  disarm(): Promise<void>;
  /** Lets go of the connections; what sleeps in the server goes on. */
  end(): void;
}

interface Armed {
  readonly session: Session;
  /** Resolves when its statement is over, with the error that ended it; null: it has set read-only. */
  readonly over: Promise<unknown>;
}

export interface DeadManOptions {
  readonly address: string;
  readonly own: Own;
  readonly control: Control;
  dialect(timeoutMs: number): Promise<Dialect>;
  /** Another session to the same server. */
  extra(timeoutMs: number): Promise<Session>;
}

/** Longest time between sending the statement and seeing it sleep: by so much it may close the server late. */
const SEEN_MS = 500;
/** Longest time for a login: until it has failed, nobody can say that the server does not close itself any more. */
const LOGIN_MS = 1000;
const POLL_MS = 3;
const DISARM_MS = 1000;
/** Beyond the sleep: setting read-only waits for running statements. */
const PATIENCE_MS = 3_600_000;

/**
 * Two sessions take turns: a login for each term would cost the server more than the rest, and fail when every
 * connection is taken.
 */
export function createDeadMan(options: DeadManOptions): DeadMan {
  let current: Armed | null = null;
  let spare: Session | null = null;
  let ended = false;
  let last: Promise<unknown> = Promise.resolve();
  /** Two at once would end each other. */
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = last.then(act, act);
    last = turn.catch(() => undefined);
    return turn;
  };

  const arm = async (ms: number, leftMs: () => number): Promise<void> => {
    const sinceMs = leftMs();
    const loginMs = (): number => Math.min(LOGIN_MS - (sinceMs - leftMs()), leftMs());
    const dialect = await options.dialect(loginMs());
    const session = await free(dialect, loginMs);
    let armed: Armed;
    let others: readonly number[];
    try {
      if (leftMs() <= 0) throw tooSlow(options.address, ms);
      armed = send(session, dialect.closeAfter(leftMs()));
      others = await seen(armed, Math.min(SEEN_MS, Math.max(250, ms / 4)));
    } catch (error) {
      await endAll([session.id], SEEN_MS).catch(() => undefined);
      session.end();
      throw error;
    }
    const before = current;
    current = armed;
    if (ended) letGo();
    await endAll(others, DISARM_MS, before?.session.id);
    if (before !== null) await within(before.over, SEEN_MS);
  };

  const free = async (dialect: Dialect, leftMs: () => number): Promise<Session> => {
    const waiting = spare;
    spare = null;
    if (waiting?.state === 'open') return waiting;
    const session = await options.extra(leftMs());
    const timeoutMs = Math.min(SEEN_MS, leftMs());
    await session.ask({ ...dialect.patient, doing: DOING, timeoutMs }).catch((error: unknown) => {
      session.end();
      throw error;
    });
    return session;
  };

  const send = (session: Session, statement: Statement): Armed => {
    const asked = session.ask({ ...statement, doing: DOING, timeoutMs: PATIENCE_MS });
    const over = asked.then(
      () => null,
      (error: unknown) => error,
    );
    const armed = { session, over };
    void over.then(() => {
      if (current === armed) letGo();
      else if (session.state === 'open' && spare === null) spare = session;
      else session.end();
    });
    return armed;
  };

  const letGo = (): void => {
    current?.session.end();
    spare?.end();
    current = null;
    spare = null;
  };

  /** Waits until it sleeps, and resolves with the others. */
  const seen = async ({ session, over }: Armed, withinMs: number): Promise<readonly number[]> => {
    const start = performance.now();
    const leftMs = (): number => withinMs - (performance.now() - start);
    while (leftMs() > 0) {
      const present = await list(options, leftMs());
      if (present.some((one) => idOf(one) === session.id && isAsleep(one)))
        return present.map(idOf).filter((id) => id !== session.id);
      const end = await within(over, POLL_MS);
      if (end instanceof Error) throw end;
      if (end !== PENDING) break;
    }
    throw tooSlow(options.address, withinMs);
  };

  /** Ends these connections; of `kept` only what it is doing. */
  const endAll = (ids: readonly number[], withinMs: number, kept?: number): Promise<void> => {
    if (ids.length === 0) return Promise.resolve();
    return options.control.use(withinMs, async (session, leftMs) => {
      for (const id of ids) await endOne(session, id === kept ? 'QUERY' : 'CONNECTION', id, leftMs());
    });
  };

  const disarm = async (): Promise<void> => {
    const start = performance.now();
    const leftMs = (): number => DISARM_MS - (performance.now() - start);
    for (;;) {
      const present = await list(options, leftMs());
      if (present.length === 0) return;
      if (leftMs() <= 0) break;
      await endAll(present.map(idOf), leftMs());
      await pause(POLL_MS);
    }
    const reason = `the statement by which the server closes itself does not end within ${DISARM_MS} ms`;
    throw new ServerError('silent', `${options.address}: ${reason}`);
  };

  return {
    arm: (ms) => {
      const start = performance.now();
      return inTurn(() => arm(ms, () => ms - (performance.now() - start)));
    },
    disarm: () =>
      inTurn(async () => {
        try {
          await disarm();
        } catch (error) {
          // Nothing runs in a server that is gone.
          if (!(error instanceof ServerError) || error.trouble !== 'refused') throw error;
        }
        letGo();
      }),
    end: () => {
      ended = true;
      letGo();
    },
  };
}

const DOING = 'arranging that the server closes itself';

function tooSlow(address: string, afterMs: number): ServerError {
  const reason = `the statement by which the server closes itself was not seen to run within ${Math.round(afterMs)} ms`;
  return new ServerError('silent', `${address}: ${reason}; is the server overloaded?`);
}

function list({ control, own }: DeadManOptions, timeoutMs: number): Promise<readonly Row[]> {
  return control.use(timeoutMs, (session, leftMs) =>
    session.ask({ ...deadMen(own), doing: DOING, timeoutMs: leftMs() }),
  );
}

/** No privilege is needed: it is a session of the same account. */
async function endOne(session: Session, what: string, id: number, timeoutMs: number): Promise<void> {
  try {
    await session.ask({ sql: `KILL ${what} ${id}`, doing: DOING, timeoutMs });
  } catch (error) {
    if (errnoOf(error) !== NO_SUCH_SESSION) throw error;
  }
}

function idOf(session: Row): number {
  return Number(session.ID);
}
