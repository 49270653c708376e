/**
 * The ladder that closes a server. Setting read-only waits for running statements, so it runs in a session of its
 * own while the control session ends the application's sessions (or, gently, lets them finish).
 *
 * Closed is said only with proof: read-only reads back, every session that was there when it did is gone, no
 * prepared XA transaction is left (those can be committed on a read-only server), and the history stands still.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ServerError } from '../errors.ts';
import type { Closed } from '../ports.ts';
import type { Dialect, Own, Row, Statement } from './dialects/dialect.ts';
import { PENDING, within } from './patience.ts';
import { errnoOf } from './reasons.ts';
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

interface Ladder extends CloseMeans, CloseOptions {
  readonly leftMs: () => number;
}

/** Resolves with `closed: false` when the server answers but would not close in time; rejects when it does not answer. */
export async function closeServer(means: CloseMeans, options: CloseOptions): Promise<Closed> {
  const start = performance.now();
  const ladder: Ladder = {
    ...means,
    ...options,
    leftMs: () => options.withinMs - (performance.now() - start),
  };
  const position = await readPosition(ladder);
  const refusal = means.dialect.toReadOnly(position) ? null : await setReadOnly(ladder);
  return refusal === null ? prove(ladder) : notClosed(refusal);
}

/** Returns why the server is still open, or null when it is read-only. */
async function setReadOnly(ladder: Ladder): Promise<string | null> {
  const setter = await openSetter(ladder);
  try {
    await run(setter, ladder, ladder.dialect.lockWait(ladder.withinMs / 1000), 'bounding the wait for locks');
    const { sql, needs } = ladder.dialect.setReadOnly;
    // Its own bound lies beyond ours: the session must be there to be cancelled.
    const ask = { sql, needs, doing: 'setting read_only', timeoutMs: ladder.withinMs * 2 + 1000 };
    const set = setter.ask(ask).then(
      () => 'set' as const,
      (error: unknown) => error,
    );
    const outcome = await (ladder.gentle ? within(set, ladder.leftMs() * 0.8) : fight(ladder, set));
    return await settle(ladder, setter, set, outcome);
  } finally {
    setter.end();
  }
}

/** When every connection is taken, ending the application's sessions makes room. */
async function openSetter(ladder: Ladder): Promise<Session> {
  for (;;) {
    try {
      return await ladder.extra(ladder.leftMs());
    } catch (error) {
      if (ladder.gentle || !TAKEN.has(errnoOf(error) ?? 0) || ladder.leftMs() < KILL_EVERY_MS) throw error;
      await killAll(ladder);
      await pause(5);
    }
  }
}

const TAKEN: ReadonlySet<number> = new Set([1040, 1203, 1226]);
const KILL_EVERY_MS = 25;

/** Ends application sessions again and again until read-only came through, or 80 % of the time is over. */
async function fight(ladder: Ladder, set: Promise<unknown>): Promise<unknown> {
  const untilMs = ladder.withinMs * 0.2;
  let trouble: unknown = null;
  while (ladder.leftMs() > untilMs) {
    const [outcome] = await Promise.all([
      within(set, Math.min(KILL_EVERY_MS, ladder.leftMs() - untilMs)),
      // A missing privilege must not keep the server from becoming read-only; the proof will name it.
      killAll(ladder).catch((error: unknown) => {
        trouble = error;
      }),
    ]);
    if (outcome !== PENDING) return outcome;
    if (trouble !== null && ladder.control.state !== 'open') throw trouble;
  }
  return PENDING;
}

async function settle(
  ladder: Ladder,
  setter: Session,
  set: Promise<unknown>,
  outcome: unknown,
): Promise<string | null> {
  if (outcome === 'set') return null;
  if (outcome !== PENDING && !GIVEN_UP.has(errnoOf(outcome) ?? 0)) throw outcome;
  const blocker = await describeBlocker(ladder);
  await run(ladder.control, ladder, ladder.dialect.cancel(setter.id), 'taking back read_only');
  const end = await within(set, ladder.leftMs());
  if (end === PENDING) return `setting read_only could not be taken back, it may still come; ${blocker}`;
  // It may have slipped through just before: then the server is closed, and that is what we say.
  return ladder.dialect.toReadOnly(await readPosition(ladder)) ? null : `read_only had to wait; ${blocker}`;
}

/** Lock wait timeout, query interrupted. */
const GIVEN_UP: ReadonlySet<number> = new Set([1205, 1317, 1969, 3024]);

async function prove(ladder: Ladder): Promise<Closed> {
  const stayed = await endEarlierSessions(ladder);
  if (stayed !== null) return notClosed(stayed);
  const prepared = await run(
    ladder.control,
    ladder,
    ladder.dialect.prepared,
    'looking for prepared XA transactions',
  );
  if (prepared.length > 0) {
    return notClosed(
      `${prepared.length} prepared XA transactions can still be committed: see XA RECOVER, end each by hand`,
    );
  }
  let before: string | null = null;
  while (ladder.leftMs() > 0) {
    const position = await readPosition(ladder);
    if (!ladder.dialect.toReadOnly(position)) return notClosed('somebody else set read_only back to 0');
    const now = ladder.dialect.toEnd(position);
    if (now === before) return { closed: true, detail: '', history: ladder.dialect.toHistory(position) };
    before = now;
    await pause(SETTLE_MS);
  }
  return notClosed('the history does not stand still although the server is read-only');
}

const SETTLE_MS = 3;

/** Sessions that come later come in read-only, so this ends even when clients reconnect all the time. */
async function endEarlierSessions(ladder: Ladder): Promise<string | null> {
  let earlier = (await sessions(ladder)).map(idOf);
  while (earlier.length > 0) {
    await run(ladder.control, ladder, ladder.dialect.kill(ladder.own, earlier), 'ending sessions');
    const present = await sessions(ladder);
    const still = present.filter((session) => earlier.includes(idOf(session)));
    if (still.length > 0 && ladder.leftMs() <= 0)
      return `${still.length} sessions do not end: ${still.slice(0, 3).map(words).join(', ')}`;
    earlier = still.map(idOf);
    if (still.length > 0) await pause(2);
  }
  return null;
}

async function describeBlocker(ladder: Ladder): Promise<string> {
  const present = await sessions(ladder);
  const busy = present.filter((session) => !ladder.dialect.isQueueing(session));
  const [first, ...others] = busy;
  if (first !== undefined)
    return `waited for ${words(first)}${others.length === 0 ? '' : ` and ${others.length} more`}`;
  return `no statement is running: one of ${present.length} idle sessions may hold LOCK TABLES`;
}

/** Never the statement: it holds the application's data. */
function words(session: Row): string {
  const state = session.STATE || 'no state';
  return (
    `connection ${session.ID ?? '?'} of user ${session.USER ?? '?'}, ` +
    `${session.SECONDS ?? '?'} s in ${session.COMMAND ?? '?'} (${state})`
  );
}

function sessions(ladder: Ladder): Promise<readonly Row[]> {
  return run(ladder.control, ladder, ladder.dialect.sessions(ladder.own), 'listing sessions');
}

function killAll(ladder: Ladder): Promise<readonly Row[]> {
  return run(ladder.control, ladder, ladder.dialect.kill(ladder.own), 'ending sessions');
}

async function readPosition(ladder: Ladder): Promise<Row> {
  const [row] = await run(
    ladder.control,
    ladder,
    ladder.dialect.position,
    'reading read_only and the position',
  );
  if (row === undefined) throw new ServerError('faulty', 'the server sent no row for its own variables');
  return row;
}

/** Every statement may use what is left, and a little more, so that the last one can still say why. */
function run(session: Session, ladder: Ladder, statement: Statement, doing: string): Promise<readonly Row[]> {
  return session.ask({ ...statement, doing, timeoutMs: Math.max(GRACE_MS, ladder.leftMs()) });
}

const GRACE_MS = 250;

function idOf(session: Row): number {
  return Number(session.ID);
}

function notClosed(detail: string): Closed {
  return { closed: false, detail, history: null };
}
