/** What the steps of closing a server share. */
import type { Dialect, Own, Row, Statement } from './dialects/dialect.ts';
import { only } from './rows.ts';
import type { Session } from './session.ts';

export interface CloseMeans {
  readonly dialect: Dialect;
  readonly own: Own;
  readonly control: Session;
  /** Another session to the same server. */
  extra(timeoutMs: number): Promise<Session>;
}

export interface CloseOptions {
  readonly gentle: boolean;
  readonly withinMs: number;
}

/** One attempt to close, with its own stopwatch. */
export interface Ladder extends CloseMeans, CloseOptions {
  readonly leftMs: () => number;
}

/** Every application session, the longest running first. */
export function sessions(ladder: Ladder): Promise<readonly Row[]> {
  return run(ladder.control, ladder, ladder.dialect.sessions(ladder.own), 'listing sessions');
}

/** Ends every application session there is just now. */
export function killAll(ladder: Ladder): Promise<readonly Row[]> {
  return run(ladder.control, ladder, ladder.dialect.kill(ladder.own), 'ending sessions');
}

/** read_only and the history. */
export async function readPosition(ladder: Ladder): Promise<Row> {
  return only(
    await run(ladder.control, ladder, ladder.dialect.position, 'reading read_only and the position'),
  );
}

/** Every statement may use what is left, and a little more, so that the last one can still say why. */
export function run(
  session: Session,
  ladder: Ladder,
  statement: Statement,
  doing: string,
): Promise<readonly Row[]> {
  return session.ask({ ...statement, doing, timeoutMs: Math.max(GRACE_MS, ladder.leftMs()) });
}

const GRACE_MS = 250;

/** A session in words, never with its statement: that holds the application's data. */
export function words(session: Row): string {
  const state = session.STATE || 'no state';
  return (
    `connection ${session.ID ?? '?'} of user ${session.USER ?? '?'}, ` +
    `${session.SECONDS ?? '?'} s in ${session.COMMAND ?? '?'} (${state})`
  );
}
