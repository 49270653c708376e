import type { Dialect, Statement } from './dialects/dialect.ts';
import { within } from './patience.ts';
import type { Session } from './session.ts';

/** Bound of each statement. */
const STATEMENT_MS = 3000;
/** The server itself refuses to open later than this. */
const WANTED_MS = 1500;

/**
 * Opens a server from a session of its own. The server itself compares its clock before and after the question
 * whether it is still wanted, so neither a slow answer nor a sleeping host can open it late.
 */
export async function openServer(
  session: Session,
  dialect: Dialect,
  stillWanted: () => Promise<boolean>,
): Promise<boolean> {
  const ask = (statement: Statement, doing: string) =>
    session.ask({ ...statement, doing, timeoutMs: STATEMENT_MS });
  const isOpen = async (): Promise<boolean> =>
    !dialect.toReadOnly(
      await Promise.all(dialect.position.map((statement) => ask(statement, 'reading read_only'))),
    );
  await ask(dialect.noteTime, 'noting the time of the server');
  if ((await within(stillWanted(), WANTED_MS)) !== true) return false;
  if (await isOpen()) return true;
  await ask(dialect.lockWait(1), 'bounding the wait for locks');
  await ask(dialect.openUnlessLate, 'clearing read_only');
  return isOpen();
}
