/** What the steps of closing a server share. */
import type { History } from '../core/model.ts';
import { askAll } from './ask-all.ts';
import type { Answers, Dialect, Own, Row, Statement } from './dialects/dialect.ts';
import type { OwnWrites } from './own-writes.ts';
import { errnoOf, NO_SUCH_SESSION } from './reasons.ts';
import type { Session } from './session.ts';

export interface CloseMeans {
  readonly dialect: Dialect;
  readonly own: Own;
  readonly control: Session;
  /** Another session to the same server. */
  extra(timeoutMs: number): Promise<Session>;
  readonly ownWrites: OwnWrites;
}

export interface CloseOptions {
  readonly gentle: boolean;
  readonly withinMs: number;
  /** The last histories of the other members. */
  readonly known?: readonly History[];
}

/** One attempt to close, with its own stopwatch. */
export interface Ladder extends CloseMeans, CloseOptions {
  readonly leftMs: () => number;
}

/** Every application session, the longest running first. */
export function sessions(ladder: Ladder): Promise<readonly Row[]> {
  return run(ladder.control, ladder, ladder.dialect.sessions(ladder.own), 'listing sessions');
}

/**
 * Ends application sessions: those that are there just now, or these. Stops, with some left, when the time is over
 * or `goesOn` says no.
 */
export async function endSessions(
  ladder: Ladder,
  ids?: readonly number[],
  goesOn: () => boolean = () => true,
): Promise<void> {
  const { control, dialect, own } = ladder;
  if (dialect.killAll !== null) {
    await run(control, ladder, dialect.killAll(own, ids), 'ending sessions');
    return;
  }
  const all = ids ?? (await sessions(ladder)).map(idOf);
  // Each bound runs from when its statement is queued: thousands at once would take the session with them.
  for (let done = 0; done < all.length && ladder.leftMs() > 0 && goesOn(); done += AT_ONCE)
    await Promise.all(all.slice(done, done + AT_ONCE).map((id) => endOne(ladder, id)));
}

export async function endOne(ladder: Ladder, id: number): Promise<void> {
  try {
    await run(ladder.control, ladder, ladder.dialect.kill(id), 'ending sessions');
  } catch (error) {
    if (errnoOf(error) !== NO_SUCH_SESSION) throw error;
  }
}

const AT_ONCE = 50;

export function idOf(session: Row): number {
  return Number(session.ID);
}

/** read_only and the history. */
export function readPosition(ladder: Ladder): Promise<Answers> {
  const { control, dialect } = ladder;
  return askAll(dialect, dialect.position, (one) =>
    run(control, ladder, one, 'reading read_only and the position'),
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
