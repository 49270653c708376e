import { setTimeout as pause } from 'node:timers/promises';
import type { History, Look } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import { askAll } from './ask-all.ts';
import type { Answers, Dialect, LogReading, Own, RelayRest, Row, Statement } from './dialects/dialect.ts';
import { readHazards } from './hazards.ts';
import type { OwnWrites } from './own-writes.ts';
import { type Rest, readRest } from './relay-rest.ts';
import type { Session } from './session.ts';

/** How a server is looked at. */
export interface Eyes {
  readonly session: Session;
  /** Another session to the same server. */
  extra(timeoutMs: number): Promise<Session>;
  readonly dialect: Dialect;
  readonly own: Own;
  readonly ownWrites: OwnWrites;
  readonly leftMs: () => number;
}

/** One look; `known` are the last histories of the other members. */
export async function lookAt(eyes: Eyes, known: readonly History[]): Promise<Look> {
  const { session, dialect, ownWrites, own, leftMs } = eyes;
  const answers = await askAll(dialect, dialect.look(own), (statement) =>
    session.ask({ ...statement, doing: 'looking at the server', timeoutMs: leftMs() }),
  );
  const look = dialect.toLook(answers);
  // What the logs tell comes on top: it must not use up the time of a look that has all else.
  const ask = (statement: Statement, doing: string) =>
    session.ask({ ...statement, doing, timeoutMs: leftMs() / 2 });
  const [history, links, hazards] = await Promise.all([
    ownWrites.complete(look.history, known, { dialect, ask, leftMs, isReadOnly: look.readOnly }),
    withTornRests(look.links, eyes, answers, ask),
    look.readOnly ? null : readHazards(own, dialect, ask),
  ]);
  return { ...look, history, links, ...(hazards !== null && { hazards }) };
}

type AskLogs = (statement: Statement, doing: string) => Promise<readonly Row[]>;

/** What a dead source sent of a transaction without its end keeps nobody from going on. */
async function withTornRests(
  links: Look['links'],
  eyes: Eyes,
  answers: Answers,
  ask: AskLogs,
): Promise<Look['links']> {
  const { logs } = eyes.dialect;
  if (logs === null) return links;
  const rests = logs.relayRest(answers);
  return Promise.all(
    links.map(async (link, index) => {
      const rest = rests[index] ?? null;
      if (link.drained || rest === null) return link;
      const found = await restApart(rest, logs, eyes.extra, eyes.leftMs() / 2);
      const drained =
        found === 'unread' ? await isStillIdle(rest, index, eyes, answers, ask) : found === 'torn';
      return { ...link, drained };
    }),
  );
}

/**
 * Reads the rest of a relay log within `withinMs`, in a session of its own: one that misses its bound is lost. `unread`
 * when that fails.
 */
export async function restApart(
  rest: RelayRest,
  logs: LogReading,
  extra: Eyes['extra'],
  withinMs: number,
): Promise<Rest> {
  const start = performance.now();
  const leftMs = (): number => withinMs - (performance.now() - start);
  try {
    const session = await extra(withinMs);
    const ask: AskLogs = (statement, doing) => session.ask({ ...statement, doing, timeoutMs: leftMs() });
    try {
      return await readRest(rest, { logs, ask, leftMs });
    } finally {
      session.end();
    }
  } catch (error) {
    if (error instanceof ServerError) return 'unread';
    throw error;
  }
}

/**
 * The applying thread's own word for a relay log that could not be read: only when it gives it twice, at the same
 * place, with nothing coming in between. Given once it may be stale: the thread was woken and has not run yet.
 */
async function isStillIdle(
  rest: RelayRest,
  index: number,
  { dialect, leftMs }: Eyes,
  answers: Answers,
  ask: AskLogs,
): Promise<boolean> {
  if (!rest.isIdle || leftMs() < 2 * AWAKE_MS) return false;
  await pause(AWAKE_MS);
  try {
    const links = await ask(dialect.links, 'looking at replication again');
    const again = dialect.logs?.relayRest([answers[0] ?? [], links])[index];
    return again?.isIdle === true && again.from.file === rest.from.file && again.from.pos === rest.from.pos;
  } catch (error) {
    if (error instanceof ServerError) return false;
    throw error;
  }
}

/** By then a thread that was woken has run. */
const AWAKE_MS = 100;
