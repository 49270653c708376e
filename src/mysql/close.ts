/**
 * The ladder that closes a server. Setting read-only waits for running statements, so it runs in a session of its
 * own while the control session ends the application's sessions (or, gently, lets them finish).
 *
 * Closed is said only with proof: read-only reads back, every session that was there when it did is gone, no
 * prepared XA transaction is left (those can be committed on a read-only server), and the history stands still.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { History } from '../core/model.ts';
import type { Closed } from '../ports.ts';
import type { Answers } from './dialects/dialect.ts';
import { deadMen } from './dialects/lease.ts';
import {
  type CloseMeans,
  type CloseOptions,
  endOne,
  endSessions,
  idOf,
  type Ladder,
  readPosition,
  run,
  sessions,
  words,
} from './ladder.ts';
import { setReadOnly } from './read-only.ts';

/** Resolves with `closed: false` when the server answers but would not close in time; rejects when it does not answer. */
export async function closeServer(means: CloseMeans, options: CloseOptions): Promise<Closed> {
  const start = performance.now();
  const ladder: Ladder = {
    ...means,
    ...options,
    leftMs: () => options.withinMs - (performance.now() - start),
  };
  const asleep = (await run(ladder.control, ladder, deadMen(means.own), 'listing our own sessions')).map(
    idOf,
  );
  const position = await readPosition(ladder);
  const wasOpen = !means.dialect.toReadOnly(position);
  const refusal = wasOpen ? await setReadOnly(ladder) : null;
  if (refusal !== null) return notClosed(refusal);
  const closed = await prove(ladder, wasOpen);
  // They have nothing left to close. One that was armed since is for the next opening, and stays.
  if (closed.closed) for (const id of asleep) await endOne(ladder, id);
  return closed;
}

async function prove(ladder: Ladder, wasOpen: boolean): Promise<Closed> {
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
    if (now === before)
      return { closed: true, detail: '', history: await historyOf(ladder, position, wasOpen) };
    before = now;
    await pause(SETTLE_MS);
  }
  return notClosed('the history does not stand still although the server is read-only');
}

const SETTLE_MS = 3;

/** What was open a moment ago may have written up to its end: clients wait, so its log is not searched. */
function historyOf(ladder: Ladder, position: Answers, wasOpen: boolean): Promise<History> {
  const { dialect } = ladder;
  return ladder.ownWrites.complete(dialect.toHistory(position), ladder.known ?? [], {
    dialect,
    ask: (statement, doing) => run(ladder.control, ladder, statement, doing),
    leftMs: ladder.leftMs,
    isReadOnly: !wasOpen,
  });
}

/** Sessions that come later come in read-only, so this ends even when clients reconnect all the time. */
async function endEarlierSessions(ladder: Ladder): Promise<string | null> {
  let earlier = (await sessions(ladder)).map(idOf);
  while (earlier.length > 0) {
    await endSessions(ladder, earlier);
    const present = await sessions(ladder);
    const still = present.filter((session) => earlier.includes(idOf(session)));
    if (still.length > 0 && ladder.leftMs() <= 0)
      return `${still.length} sessions do not end: ${still.slice(0, 3).map(words).join(', ')}`;
    earlier = still.map(idOf);
    if (still.length > 0) await pause(2);
  }
  return null;
}

function notClosed(detail: string): Closed {
  return { closed: false, detail, history: null };
}
