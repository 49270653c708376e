/**
 * The promotion lock: a session of its own, never replaced, whose idle end is the end of the lock. Opening happens in
 * this very session, so a lock that was lost takes the opening with it.
 */
import { ServerError } from '../errors.ts';
import type { PromotionLock } from '../ports.ts';
import type { Dialect, Row, Statement } from './dialects/dialect.ts';
import { getLock, isReadOnly, NOTE_TIME, ownsLock, READ_ONLY, SHORT_LIVED } from './dialects/lease.ts';
import { within } from './patience.ts';
import type { Session } from './session.ts';

/** Bound of asking whether the lock is still ours; one that misses it has lost it. */
const KEEP_MS = 500;
/** The server itself refuses to open later than this. */
const WANTED_MS = 1500;
/** Bound of each statement of an opening. */
const STATEMENT_MS = 3000;

/** Takes over `session`. null: somebody else holds the lock. */
export async function takeLock(
  session: Session,
  dialect: Dialect,
  name: string,
  leftMs: () => number,
): Promise<PromotionLock | null> {
  const ask = (statement: Statement) =>
    session.ask({ ...statement, doing: 'taking the promotion lock', timeoutMs: leftMs() });
  try {
    await ask(SHORT_LIVED);
    const [row] = await ask(getLock(name));
    if (row?.got === '1') return heldLock(session, dialect, name);
    if (row?.got !== '0')
      throw new ServerError('faulty', 'the server did not say who has the promotion lock; its error log may');
  } catch (error) {
    session.end();
    throw error;
  }
  session.end();
  return null;
}

function heldLock(session: Session, dialect: Dialect, name: string): PromotionLock {
  return {
    keep: async () => {
      const isOurs = await keeps(session, name);
      if (!isOurs) session.end();
      return isOurs;
    },
    open: (stillWanted) => openServer(session, dialect, name, stillWanted),
    release: () => session.end(),
  };
}

async function keeps(session: Session, name: string): Promise<boolean> {
  try {
    const doing = 'keeping the promotion lock';
    const [row] = await session.ask({ ...ownsLock(name), doing, timeoutMs: KEEP_MS });
    return row?.ours === '1';
  } catch (error) {
    if (error instanceof ServerError) return false;
    throw error;
  }
}

/**
 * The server compares its clock before and after the question whether it is still wanted, so neither a slow answer
 * nor a sleeping host can open it late.
 */
async function openServer(
  session: Session,
  dialect: Dialect,
  name: string,
  stillWanted: () => Promise<boolean>,
): Promise<boolean> {
  const ask = (statement: Statement, doing: string): Promise<readonly Row[]> =>
    session.ask({ ...statement, doing, timeoutMs: STATEMENT_MS });
  const isOpen = async (): Promise<boolean> => !isReadOnly((await ask(READ_ONLY, 'reading read_only'))[0]);
  try {
    await ask(NOTE_TIME, 'noting the time of the server');
    // A question without an answer is a no.
    if (
      (await within(
        stillWanted().catch(() => false),
        WANTED_MS,
      )) !== true
    )
      return false;
    if (await isOpen()) return true;
  } catch (error) {
    // With the session the lock is lost, and nothing that opens was sent.
    if (error instanceof ServerError && session.state !== 'open') return false;
    throw error;
  }
  await ask(dialect.openUnlessLate(name), 'clearing read_only');
  return isOpen();
}
