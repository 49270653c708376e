import { setTimeout as pause } from 'node:timers/promises';
import { endSessions, type Ladder, readPosition, run, sessions, words } from './ladder.ts';
import { PENDING, within } from './patience.ts';
import { errnoOf } from './reasons.ts';
import type { Session } from './session.ts';

/**
 * Sets read-only in a session of its own, and takes that back when it does not come through in time.
 * Returns why the server is still open, or null when it is read-only.
 */
export async function setReadOnly(ladder: Ladder): Promise<string | null> {
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
      await endSessions(ladder);
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
  let isPending = true;
  void set.then(() => {
    isPending = false;
  });
  const goesOn = (): boolean => isPending && ladder.leftMs() > untilMs;
  while (ladder.leftMs() > untilMs) {
    const [outcome] = await Promise.all([
      within(set, Math.min(KILL_EVERY_MS, ladder.leftMs() - untilMs)),
      // A missing privilege must not keep the server from becoming read-only; the proof will name it.
      endSessions(ladder, undefined, goesOn).catch((error: unknown) => {
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

async function describeBlocker(ladder: Ladder): Promise<string> {
  const present = await sessions(ladder);
  const busy = present.filter((session) => !ladder.dialect.isQueueing(session));
  const [first, ...others] = busy;
  if (first !== undefined)
    return `waited for ${words(first)}${others.length === 0 ? '' : ` and ${others.length} more`}`;
  return `no statement is running: one of ${present.length} idle sessions may hold LOCK TABLES`;
}
