import type { Look } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import type { Closed, Server } from '../ports.ts';
import { closeServer } from './close.ts';
import type { Dialect, Own, Statement } from './dialects/dialect.ts';
import { createKeeper } from './keeper.ts';
import type { CloseOptions } from './ladder.ts';
import { nameOfLink } from './links.ts';
import { openServer } from './open.ts';
import { only } from './rows.ts';
import { openSession, type Session } from './session.ts';

export interface ServerOptions {
  /** `host:port`. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  /** Default database of our sessions; empty: none. */
  readonly database: string;
  readonly charset: string;
  readonly connectTimeoutMs: number;
  /** Users who do not count as clients; nobody is spared by it. */
  readonly excludeUsers: readonly string[];
  /** Called at once when the kept connection is closed by the other side or fails. */
  readonly onLost?: () => void;
}

/** Bound of each step of controlling a link. */
const STEP_MS = 3000;

/**
 * A MariaDB server over one kept connection, opened when first needed and again after it was lost. Closing,
 * opening and link control add a session of their own for as long as they take.
 */
export function createServer(options: ServerOptions): Server {
  const own: Own = { user: options.user, excludeUsers: options.excludeUsers };
  const keeper = createKeeper(options);
  const extra = (timeoutMs: number): Promise<Session> =>
    openSession(options, Math.min(options.connectTimeoutMs, timeoutMs));

  let closing = 0;

  const look = (timeoutMs: number): Promise<Look> =>
    keeper.use(timeoutMs, async (kept, dialect, leftMs) => {
      // A look that runs out of time gives up its connection, which must not be the one that closes the server.
      if (closing > 0) return alone(leftMs(), (session) => lookAt(session, dialect, own, leftMs));
      return lookAt(kept, dialect, own, leftMs);
    });

  const close = async (how: CloseOptions): Promise<Closed> => {
    closing += 1;
    try {
      return await keeper.use(how.withinMs, (control, dialect, leftMs) =>
        closeServer({ dialect, own, control, extra }, { gentle: how.gentle, withinMs: leftMs() }),
      );
    } finally {
      closing -= 1;
    }
  };

  const open = async (stillWanted: () => Promise<boolean>): Promise<boolean> => {
    const dialect = await keeper.use(options.connectTimeoutMs, async (_session, known) => known);
    return alone(options.connectTimeoutMs, (session) => openServer(session, dialect, stillWanted));
  };

  const alone = async <T>(timeoutMs: number, act: (session: Session) => Promise<T>): Promise<T> => {
    const session = await extra(timeoutMs);
    try {
      return await act(session);
    } finally {
      session.end();
    }
  };

  const control = async (
    from: string,
    doing: string,
    steps: (dialect: Dialect) => (name: string) => readonly Statement[],
  ): Promise<void> => {
    const { dialect, name } = await keeper.use(options.connectTimeoutMs + STEP_MS, async (session, known) => {
      const rows = await session.ask({ ...known.links, doing, timeoutMs: STEP_MS });
      return { dialect: known, name: nameOfLink(known, rows, from, options.address) };
    });
    // Stopping waits for the statement being applied: the kept connection must not be given up for that.
    try {
      await alone(options.connectTimeoutMs, async (session) => {
        for (const step of steps(dialect)(name)) await session.ask({ ...step, doing, timeoutMs: STEP_MS });
      });
    } catch (error) {
      if (!(error instanceof ServerError) || error.trouble !== 'silent') throw error;
      await look(options.connectTimeoutMs);
      const reason = `not done within ${STEP_MS} ms (while ${doing}); it waits for the statement being applied, and will follow it`;
      throw new ServerError('faulty', `${options.address}: ${reason}`, { cause: error });
    }
  };

  return {
    address: options.address,
    look,
    close,
    open,
    stopReceiving: (from) =>
      control(from, `stopping to receive from ${from}`, (dialect) => dialect.stopReceiving),
    stopLink: (from) => control(from, `stopping replication from ${from}`, (dialect) => dialect.stopLink),
    startLink: (from) => control(from, `starting replication from ${from}`, (dialect) => dialect.startLink),
    end: () => keeper.end(),
  };
}

async function lookAt(session: Session, dialect: Dialect, own: Own, leftMs: () => number): Promise<Look> {
  const ask = (statement: Statement, doing: string) =>
    session.ask({ ...statement, doing, timeoutMs: leftMs() });
  const [state, links] = await Promise.all([
    ask(dialect.look(own), 'looking at the server'),
    ask(dialect.links, 'looking at replication'),
  ]);
  return dialect.toLook(only(state), links);
}
