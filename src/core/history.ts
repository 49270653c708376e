/**
 * Which transactions one server holds and another lacks.
 *
 * MariaDB keeps, per domain, the last sequence number of each server that wrote (`state`), and the last one
 * it received (`received`). Two rules make a comparison of two servers honest:
 * - a server that received up to a transaction the other one also holds has everything before it in that
 *   domain, even where its own binlog never saw it (a copy, or log_slave_updates off);
 * - what the *source* itself wrote is never an extra of its follower: the follower may simply have been
 *   read a moment later.
 * MySQL keeps exact sets, so the difference is a subtraction.
 */
import type { History } from './model.ts';

/**
 * Transactions held here and missing there. `list` names them in the server's own notation. On MariaDB `count` is
 * an upper bound: a transaction that was killed leaves its number unused.
 */
export interface Extras {
  readonly count: number;
  readonly list: string;
}

const NONE: Extras = { count: 0, list: '' };

/**
 * What `mine` holds and `theirs` lacks. `ignoreServerId`: the source's own server_id (MariaDB).
 * Histories of two flavours cannot be compared: everything counts as extra.
 */
export function extras(mine: History, theirs: History, ignoreServerId?: number): Extras {
  if (mine.kind === 'mariadb' && theirs.kind === 'mariadb') {
    return mariadbExtras(mine, theirs, ignoreServerId);
  }
  if (mine.kind === 'mysql' && theirs.kind === 'mysql') return mysqlExtras(mine.executed, theirs.executed);
  return { count: 1, list: 'histories of different server families' };
}

/** For a sentence: a single one is certain, of several some numbers may be unused. */
export function upTo(count: number): string {
  return count === 1 ? '1 transaction' : `up to ${count} transactions`;
}

/** Whether `theirs` holds all that `mine` does. */
export function isContained(mine: History, theirs: History): boolean {
  return extras(mine, theirs).count === 0;
}

/** Whether both are the same history, text for text. */
export function sameHistory(a: History, b: History): boolean {
  if (a.kind === 'mariadb' && b.kind === 'mariadb') {
    return (
      isSame(parsePoints(a.state), parsePoints(b.state)) &&
      isSame(parsePoints(a.received), parsePoints(b.received))
    );
  }
  return a.kind === 'mysql' && b.kind === 'mysql' && isContained(a, b) && isContained(b, a);
}

/** Last sequence number by `domain-server`. */
type Points = ReadonlyMap<string, number>;

function mariadbExtras(
  mine: Extract<History, { kind: 'mariadb' }>,
  theirs: Extract<History, { kind: 'mariadb' }>,
  ignoreServerId: number | undefined,
): Extras {
  const held = merge(parsePoints(mine.state), parsePoints(mine.received));
  const received = parsePoints(theirs.received);
  const there = merge(parsePoints(theirs.state), received);
  const ranges: string[] = [];
  let count = 0;
  for (const [key, sequence] of held) {
    const [domain, server] = key.split('-');
    if (Number(server) === ignoreServerId) continue;
    const has = Math.max(there.get(key) ?? 0, shared(received, held, `${domain}-`));
    if (has >= sequence) continue;
    // The list starts after the last transaction that both certainly hold, whoever wrote it.
    const from = Math.max(has, shared(parsePoints(mine.state), there, `${domain}-`, sequence)) + 1;
    ranges.push(from === sequence ? `${key}-${sequence}` : `${key}-${from}..${sequence}`);
    count += sequence - from + 1;
  }
  return count === 0 ? NONE : { count, list: ranges.join(',') };
}

/** The highest of `points` in a domain, below `limit`, that `other` holds too. */
function shared(points: Points, other: Points, domain: string, limit = Number.POSITIVE_INFINITY): number {
  let highest = 0;
  for (const [key, sequence] of points) {
    if (!key.startsWith(domain) || sequence >= limit) continue;
    if ((other.get(key) ?? 0) >= sequence) highest = Math.max(highest, sequence);
  }
  return highest;
}

function parsePoints(text: string): Points {
  const points = new Map<string, number>();
  for (const part of text.split(',')) {
    const match = /^\s*(\d+)-(\d+)-(\d+)\s*$/.exec(part);
    if (match === null) continue;
    const key = `${match[1]}-${match[2]}`;
    points.set(key, Math.max(points.get(key) ?? 0, Number(match[3])));
  }
  return points;
}

function merge(a: Points, b: Points): Points {
  const both = new Map(a);
  for (const [key, sequence] of b) both.set(key, Math.max(both.get(key) ?? 0, sequence));
  return both;
}

function isSame(a: Points, b: Points): boolean {
  return a.size === b.size && [...a].every(([key, sequence]) => b.get(key) === sequence);
}

/** Intervals, inclusive, by `uuid` or `uuid:tag`. */
type Intervals = ReadonlyMap<string, readonly (readonly [number, number])[]>;

function mysqlExtras(mine: string, theirs: string): Extras {
  const there = parseSet(theirs);
  const lists: string[] = [];
  let count = 0;
  for (const [source, intervals] of parseSet(mine)) {
    const left = subtract(intervals, there.get(source) ?? []);
    if (left.length === 0) continue;
    lists.push(`${source}:${left.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(':')}`);
    for (const [a, b] of left) count += b - a + 1;
  }
  return count === 0 ? NONE : { count, list: lists.join(',') };
}

function parseSet(text: string): Intervals {
  const sets = new Map<string, (readonly [number, number])[]>();
  for (const part of text.replace(/\s+/g, '').split(',')) {
    const [uuid, ...rest] = part.split(':');
    if (!uuid) continue;
    let source = uuid.toLowerCase();
    for (const piece of rest) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(piece);
      if (match === null) {
        source = `${uuid.toLowerCase()}:${piece}`; // a tag: the intervals behind it are its own
        continue;
      }
      const intervals = sets.get(source) ?? [];
      intervals.push([Number(match[1]), Number(match[2] ?? match[1])]);
      sets.set(source, intervals);
    }
  }
  return sets;
}

function subtract(
  from: readonly (readonly [number, number])[],
  what: readonly (readonly [number, number])[],
): (readonly [number, number])[] {
  let left = [...from];
  for (const [a, b] of what) {
    left = left.flatMap(([x, y]) => {
      if (b < x || a > y) return [[x, y] as const];
      const pieces: (readonly [number, number])[] = [];
      if (x < a) pieces.push([x, a - 1]);
      if (y > b) pieces.push([b + 1, y]);
      return pieces;
    });
  }
  return left;
}
