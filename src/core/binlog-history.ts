/**
 * Which transactions one server holds and another lacks, told by file and position alone.
 *
 * A server numbers nothing but its own binary log. So two things are compared: how far the other one has applied
 * *my* binary log with where my own last write ends, and how far I have applied *theirs* with where that ends now.
 * What I applied from my source stands in my binary log too (log_slave_updates), but is not mine.
 */
import type { History, Place } from './model.ts';

type BinlogHistory = Extract<History, { kind: 'binlog' }>;

interface Found {
  readonly count: number;
  readonly list: string;
}

const NONE: Found = { count: 0, list: '' };
/** No transaction in a binary log is shorter. */
const LEAST_BYTES = 90;

/** `ignoreServerId`: the other one's server_id, when it may merely have been read a moment earlier. */
export function binlogExtras(mine: BinlogHistory, theirs: BinlogHistory, ignoreServerId?: number): Found {
  const parts = [writtenHere(mine, theirs), lostThere(mine, theirs, ignoreServerId)].filter(
    ({ count }) => count > 0,
  );
  return parts.length === 0
    ? NONE
    : {
        count: parts.reduce((sum, { count }) => sum + count, 0),
        list: parts.map(({ list }) => list).join(', '),
      };
}

/** How far `replica` has applied the binary log of `source`; undefined when it does not replicate from it. */
export function appliedFrom(replica: BinlogHistory, source: BinlogHistory): Place | undefined {
  return replica.applied[String(source.serverId)] ?? replica.applied[source.address];
}

/** Negative when `a` comes first; null when they are not of one binary log. */
export function comparePlaces(a: Place, b: Place): number | null {
  const [one, other] = [split(a.file), split(b.file)];
  if (one === null || other === null || one.base !== other.base)
    return a.file === b.file ? a.pos - b.pos : null;
  return one.number - other.number || a.pos - b.pos;
}

/** Whether `a` is `b` or behind it; false when they cannot be compared. */
export function hasReached(a: Place, b: Place): boolean {
  const order = comparePlaces(a, b);
  return order !== null && order >= 0;
}

function split(file: string): { readonly base: string; readonly number: number } | null {
  const match = /^(.*)\.(\d+)$/.exec(file);
  return match === null ? null : { base: match[1] ?? '', number: Number(match[2]) };
}

/** My own writes that they have not applied. */
function writtenHere(mine: BinlogHistory, theirs: BinlogHistory): Found {
  const reached = appliedFrom(theirs, mine);
  if (reached === undefined) {
    return {
      count: 1,
      list: `server ${theirs.serverId} does not replicate from server ${mine.serverId}: what that one wrote cannot be compared`,
    };
  }
  if (hasReached(reached, mine.end)) return NONE;
  const { own } = mine;
  if (own === null)
    return { count: upperBound(reached, mine.end), list: `${range(reached, mine.end)}: ${mine.unknown}` };
  // `after` is where that other one was once: it may have been read earlier still.
  const from = hasReached(reached, own.after) ? reached : own.after;
  if (own.count !== 0 && !hasReached(from, own.end)) {
    return { count: own.count ?? upperBound(from, own.end), list: range(from, own.end) };
  }
  if (hasReached(own.checked, mine.end)) return NONE;
  return { count: 1, list: `${range(own.checked, mine.end)} is still being searched` };
}

/** Their own writes that I have applied and they do not hold any more. */
function lostThere(mine: BinlogHistory, theirs: BinlogHistory, ignoreServerId: number | undefined): Found {
  const applied = appliedFrom(mine, theirs);
  if (applied === undefined) return NONE;
  if (theirs.lost !== null && hasReached(applied, theirs.lost)) {
    return {
      count: 1,
      list: `${place(applied)} of server ${theirs.serverId}, which lost the end of its binary log`,
    };
  }
  if (ignoreServerId === theirs.serverId) return NONE;
  const order = comparePlaces(applied, theirs.end);
  if (order === null) {
    return {
      count: 1,
      list: `${place(applied)} of server ${theirs.serverId}, whose binary log has another name now`,
    };
  }
  if (order > 0) return { count: upperBound(theirs.end, applied), list: range(theirs.end, applied) };
  // A file that was left behind may have lost its end: whether it did is only known up to where that was asked.
  const isSeen =
    applied.file === theirs.end.file || (theirs.own !== null && hasReached(theirs.own.after, applied));
  if (isSeen) return NONE;
  return {
    count: 1,
    list: `perhaps ${place(applied)} of server ${theirs.serverId}: its binary log was not looked at yet`,
  };
}

function upperBound(from: Place, to: Place): number {
  const bytes = from.file === to.file ? to.pos - from.pos : to.pos;
  return Math.max(1, Math.floor(bytes / LEAST_BYTES));
}

function range(from: Place, to: Place): string {
  return `${place(from)}..${place(to)}`;
}

function place({ file, pos }: Place): string {
  return `${file}:${pos}`;
}
