/**
 * Without GTID: what a server wrote itself, found in its binary log behind the place up to which its peer has
 * applied it. Only what came since the last look is read, and never more than a look has time for.
 */
import { appliedFrom, comparePlaces, hasReached } from '../core/binlog-history.ts';
import type { History, Place } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import type { Dialect, LogReading, Row, Statement } from './dialects/dialect.ts';
import { EVENTS_FIRST, nextLimit } from './pace.ts';
import { unlessGone } from './reasons.ts';
import { type Standing, step } from './transactions.ts';

type BinlogHistory = Extract<History, { kind: 'binlog' }>;

export interface OwnWrites {
  /**
   * Fills in what only the binary log tells, `unknown` where it cannot be read; histories of other kinds are left as
   * they are.
   */
  complete(history: History, known: readonly History[], means: Means): Promise<History>;
}

interface Means {
  readonly dialect: Dialect;
  readonly ask: (statement: Statement, doing: string) => Promise<readonly Row[]>;
  readonly leftMs: () => number;
  readonly isReadOnly: boolean;
}

/** How far the log was searched, and what was found. */
interface Mark {
  readonly after: Place;
  readonly checked: Place;
  readonly end: Place;
  readonly count: number;
  /** Whether `checked` is within a transaction. */
  readonly standing: Standing;
}

const EVENTS_AT_ONCE = 1000;
const MOST_ROUNDS = 8;

/** For one server; remembers where the last search ended. */
export function createOwnWrites(address: string): OwnWrites {
  let mark: Mark | null = null;

  const complete: OwnWrites['complete'] = async (history, known, means) => {
    if (history.kind !== 'binlog') return history;
    const named: BinlogHistory = { ...history, address };
    const { logs } = means.dialect;
    if (logs === null || named.end.file === '') return named;
    const after = appliedBy(named, known);
    if (after === null) return named;
    try {
      return await read(named, after, logs, means);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return { ...named, unknown: `its binary log cannot be read: ${error.message}` };
    }
  };

  const read = async (
    named: BinlogHistory,
    after: Place,
    logs: LogReading,
    means: Means,
  ): Promise<BinlogHistory> => {
    const files = logs.toFiles(await means.ask(logs.files, 'listing the binary logs'));
    const unknown = whyGone(after, files);
    if (unknown !== null) {
      mark = null;
      return { ...named, unknown };
    }
    const lost = isShort(after, named.end, files) ? after : null;
    if (!means.isReadOnly) {
      mark = null;
      const { end } = named;
      return { ...named, own: { after, count: null, end, checked: end }, unknown: '', lost };
    }
    const names = files.map(({ file }) => file);
    mark = await search(begin(mark, after), named, logs, names, lost === null, means);
    if (mark === null)
      return { ...named, unknown: `its binary log cannot be read from ${after.file}:${after.pos} on` };
    const { count, end, checked } = mark;
    return { ...named, own: { after, count, end, checked }, unknown: '', lost };
  };
  return { complete };
}

/** How far a peer has applied this server's binary log. */
function appliedBy(history: BinlogHistory, known: readonly History[]): Place | null {
  for (const other of known) {
    const place = other.kind === 'binlog' ? appliedFrom(other, history) : undefined;
    if (place !== undefined) return place;
  }
  return null;
}

type Files = readonly { readonly file: string; readonly size: number }[];

/** Why the search cannot begin there, or null when it can. */
function whyGone(after: Place, files: Files): string | null {
  const [oldest] = files;
  const order = oldest === undefined ? null : comparePlaces(after, { file: oldest.file, pos: 0 });
  return order !== null && order >= 0
    ? null
    : `its binary log does not reach back to ${after.file}, up to where its peer has applied it`;
}

/** Whether the log once reached further than it does now. */
function isShort(after: Place, end: Place, files: Files): boolean {
  const size = files.find(({ file }) => file === after.file)?.size;
  if (size === undefined) return true;
  return (after.file === end.file ? Math.max(size, end.pos) : size) < after.pos;
}

/** Goes on where the last search ended, unless the peer is further already or was set back. */
function begin(mark: Mark | null, after: Place): Mark {
  const anew: Mark = { after, checked: after, end: after, count: 0, standing: 'outside' };
  if (mark === null || !hasReached(after, mark.after) || !hasReached(mark.checked, after)) return anew;
  if (mark.count === 0 || hasReached(after, mark.end)) return { ...mark, after, end: after, count: 0 };
  return comparePlaces(after, mark.after) === 0 ? mark : anew;
}

async function search(
  start: Mark,
  { end, serverId }: BinlogHistory,
  logs: LogReading,
  files: readonly string[],
  isWhole: boolean,
  { ask, leftMs }: Means,
): Promise<Mark | null> {
  // Behind an end that was lost, the next file is the first to be read.
  const behind = files.find((file) => (comparePlaces({ file, pos: 4 }, start.after) ?? 0) > 0);
  if (!isWhole && start.checked === start.after && behind === undefined) return { ...start, checked: end };
  let mark =
    !isWhole && start.checked === start.after && behind !== undefined
      ? { ...start, checked: { file: behind, pos: 4 }, standing: 'outside' as const }
      : start;
  const untilMs = leftMs() / 2;
  let limit = EVENTS_FIRST;
  for (
    let round = 0;
    round < MOST_ROUNDS && !hasReached(mark.checked, end) && leftMs() > untilMs;
    round += 1
  ) {
    const rows = await unlessGone(ask(logs.events(mark.checked, limit), 'reading the binary log'));
    if (rows === null) return null;
    const events = logs.toEvents(rows);
    for (const event of events) {
      const checked = { file: mark.checked.file, pos: event.end };
      const isMine = event.serverId === serverId;
      const { standing, ended } = step(mark.standing, event);
      const found = isMine && ended ? { count: mark.count + 1, end: checked } : {};
      mark = { ...mark, ...found, checked, standing };
    }
    const next = files[files.indexOf(mark.checked.file) + 1];
    if (rows.length < limit && next !== undefined)
      mark = { ...mark, checked: { file: next, pos: 4 }, standing: 'outside' };
    else if (rows.length === 0) break;
    limit = nextLimit(limit, events, EVENTS_AT_ONCE);
  }
  return mark;
}
