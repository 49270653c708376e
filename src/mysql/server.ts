import type { History, Look } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import type { Closed, PromotionLock, Server, Tended } from '../ports.ts';
import { type Accounts, createAccounts } from './accounts/accounts.ts';
import type { Blocking } from './accounts/catalogue.ts';
import { closeServer } from './close.ts';
import { createControl } from './control.ts';
import { createDeadMan } from './dead-man.ts';
import type { Dialect, Own, Row, Statement } from './dialects/dialect.ts';
import { createKeeper } from './keeper.ts';
import type { CloseOptions } from './ladder.ts';
import { linkIn, restartIfTorn } from './links.ts';
import { takeLock } from './lock.ts';
import { lookAt } from './look.ts';
import { createOwnWrites } from './own-writes.ts';
import { openSession, type Session } from './session.ts';
import { createSpare } from './spare.ts';

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
  /** Which accounts only the writer's clients may use; absent: none is ever looked at. */
  readonly blocking?: Blocking | null;
  /** Called at once when the kept connection is closed by the other side or fails. */
  readonly onLost?: () => void;
}

const NOTHING_TENDED: Tended = { changed: [], trouble: '', exceptions: '' };

/** Bound of each step of controlling a link. */
const STEP_MS = 3000;

/**
 * A server over two kept connections, one for looks and one for glances, each opened when first needed and again
 * after it was lost. Closing adds a session of its own for as long as it takes, link control one for a moment longer,
 * the promotion lock one for as long as it is held, an armed dead-man two.
 */
export function createServer(options: ServerOptions): Server {
  const own: Own = { user: options.user, excludeUsers: options.excludeUsers };
  const keeper = createKeeper(options);
  const ownWrites = createOwnWrites(options.address);
  const accounts = accountsOf(options);
  const extra = (timeoutMs: number): Promise<Session> =>
    openSession(options, Math.min(options.connectTimeoutMs, timeoutMs));

  const spare = createSpare(extra);
  const control = createControl(options);
  const dialectWithin = (timeoutMs: number): Promise<Dialect> =>
    keeper.use(timeoutMs, async (_session, known) => known);
  const deadMan = createDeadMan({
    address: options.address,
    own,
    control,
    dialect: dialectWithin,
    extra,
  });
  const locks = new Set<PromotionLock>();
  let closing = 0;

  const look = (timeoutMs: number, known: readonly History[] = []): Promise<Look> =>
    keeper.use(timeoutMs, async (kept, dialect, leftMs) => {
      const at = (session: Session): Promise<Look> =>
        lookAt({ session, extra, dialect, own, ownWrites, leftMs }, known);
      // A look that runs out of time gives up its connection, which must not be the one that closes the server.
      return closing > 0 ? alone(leftMs(), at) : at(kept);
    });

  const close = async (how: CloseOptions): Promise<Closed> => {
    closing += 1;
    try {
      return await keeper.use(how.withinMs, (control, dialect, leftMs) =>
        closeServer({ dialect, own, control, extra, ownWrites }, { ...how, withinMs: leftMs() }),
      );
    } finally {
      closing -= 1;
    }
  };

  const lock = async (name: string, timeoutMs: number): Promise<PromotionLock | null> => {
    const start = performance.now();
    const leftMs = (): number => timeoutMs - (performance.now() - start);
    const dialect = await dialectWithin(leftMs());
    const taken = await takeLock(await extra(leftMs()), dialect, name, leftMs);
    if (taken === null) return null;
    const release = (): void => {
      locks.delete(held);
      taken.release();
    };
    const keep = async (): Promise<boolean> => {
      const isOurs = await taken.keep();
      if (!isOurs) release();
      return isOurs;
    };
    const held: PromotionLock = { ...taken, keep, release };
    locks.add(held);
    return held;
  };

  const alone = async <T>(timeoutMs: number, act: (session: Session) => Promise<T>): Promise<T> => {
    const session = await extra(timeoutMs);
    try {
      return await act(session);
    } finally {
      session.end();
    }
  };

  const findLink = (from: string, doing: string): Promise<{ dialect: Dialect; link: Row }> =>
    keeper.use(options.connectTimeoutMs + STEP_MS, async (session, dialect) => {
      const rows = await session.ask({ ...dialect.links, doing, timeoutMs: STEP_MS });
      return { dialect, link: linkIn(dialect, rows, from, options.address) };
    });

  const changeLink = async (
    from: string,
    doing: string,
    steps: (dialect: Dialect) => (link: Row) => readonly Statement[],
    prepare: (dialect: Dialect, link: Row, session: Session) => Promise<void> = async () => {},
  ): Promise<void> => {
    const finding = findLink(from, doing);
    finding.catch(() => undefined);
    // Stopping waits for the statement being applied: the kept connection must not be given up for that.
    try {
      await spare.use(options.connectTimeoutMs, async (session) => {
        const { dialect, link } = await finding;
        await prepare(dialect, link, session);
        for (const step of steps(dialect)(link)) await session.ask({ ...step, doing, timeoutMs: STEP_MS });
      });
    } catch (error) {
      await finding;
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
    glance: control.glance,
    lock,
    arm: deadMan.arm,
    disarm: deadMan.disarm,
    tendAccounts: (how) => accounts?.tend(how) ?? Promise.resolve(NOTHING_TENDED),
    stopReceiving: (from) =>
      changeLink(from, `stopping to receive from ${from}`, (dialect) => dialect.stopReceiving),
    stopLink: (from) => changeLink(from, `stopping replication from ${from}`, (dialect) => dialect.stopLink),
    startLink: (from) =>
      changeLink(
        from,
        `starting replication from ${from}`,
        (dialect) => dialect.startLink,
        (dialect, link, session) => restartIfTorn(dialect, link, session, extra),
      ),
    end: () => {
      keeper.end();
      control.end();
      spare.end();
      for (const held of locks) held.release();
      deadMan.end();
      accounts?.end();
    },
  };
}

function accountsOf({ blocking, onLost: _, ...how }: ServerOptions): Accounts | null {
  return blocking == null ? null : createAccounts({ ...how, blocking });
}
