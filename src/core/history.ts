/**
 * Which transactions one server holds and another lacks.
 *
 * MariaDB keeps, per domain, the last sequence number of each server that wrote (`state`), and the last one
 * it received (`received`). Two rules make a comparison of two servers honest:
 * - a server that received up to a transaction the other one also holds has everything before it in that
 *   domain, even where its own binlog never saw it (a copy, or log_slave_updates off);
 * - what the *source* itself wrote is never an extra of its follower: the follower may simply have been
 *   read a moment later.
 * MySQL keeps exact sets, so the difference is a subtraction. Without GTID only places in binary logs can be
 * compared: `binlog-history.ts`.
 */
import { binlogExtras } from './binlog-history.ts';
import { nameSet, parseSet, subtract } from './gtid-set.ts';
import type { History } from './model.ts';

/**
 * Transactions held here and missing there. `list` names them in the server's own notation. `count` is an upper
 * bound: on MariaDB a transaction that was killed leaves its number unused, and between two places of a binary log
 * only bytes are known.
 */
export interface Extras {
  readonly count: number;
  readonly list: string;
  /** The other way round: it lacks what it wrote itself. */
  readonly lost?: true | undefined;
}

const NONE: Extras = { count: 0, list: '' };
const NAMES = {
  mariadb: "MariaDB's GTIDs",
  mysql: "MySQL's GTIDs",
  binlog: 'no GTIDs (gtid_mode is not ON)',
} as const;

/**
 * What `mine` holds and `theirs` lacks. `ignoreServerId`: the server_id of `theirs`, whose own writes do not count.
 * Histories of two kinds cannot be compared: everything counts as extra.
 */
export function extras(mine: History, theirs: History, ignoreServerId?: number): Extras {
  if (mine.kind === 'mariadb' && theirs.kind === 'mariadb') {
    return mariadbExtras(mine, theirs, ignoreServerId);
  }
  if (mine.kind === 'mysql' && theirs.kind === 'mysql') {
    return mysqlExtras(mine.executed, theirs.executed, ignoreServerId === undefined ? '' : theirs.uuid);
  }
  if (mine.kind === 'binlog' && theirs.kind === 'binlog') return binlogExtras(mine, theirs, ignoreServerId);
  return {
    count: 1,
    list: `cannot be compared: one has ${NAMES[mine.kind]}, the other ${NAMES[theirs.kind]}`,
  };
}

/**
 * What keeps `mine` from following `theirs`: transactions that are missing there, or own ones that `mine` has lost
 * and the other still holds: a server skips what it once wrote itself, so replication never brings them back.
 */
export function obstacles(mine: History, theirs: History, ignoreServerId?: number): Extras {
  const found = extras(mine, theirs, ignoreServerId);
  return found.count > 0 ? found : lostByItself(mine, theirs);
}

function lostByItself(mine: History, theirs: History): Extras {
  const lost = { count: 0, list: '' };
  if (mine.kind === 'mariadb' && theirs.kind === 'mariadb') Object.assign(lost, mariadbLost(mine, theirs));
  if (mine.kind === 'binlog' && mine.lost !== null) {
    lost.count = 1;
    lost.list = `${mine.lost.file}:${mine.lost.pos} of its own binary log`;
  }
  if (mine.kind === 'mysql' && theirs.kind === 'mysql' && mine.uuid !== '') {
    const uuid = mine.uuid.toLowerCase();
    const left = subtract(parseSet(theirs.executed).get(uuid) ?? [], parseSet(mine.executed).get(uuid) ?? []);
    lost.count = left.reduce((sum, [a, b]) => sum + b - a + 1, 0);
    lost.list = left.length === 0 ? '' : nameSet(uuid, left);
  }
  return lost.count === 0 ? NONE : { ...lost, lost: true };
}

/**
 * Only its binlog tells what it still holds of its own: when it replicates, what it skips counts as received. A copy
 * of the other server, whose binlog knows nothing of its own, holds everything before what it has received.
 */
function mariadbLost(
  mine: Extract<History, { kind: 'mariadb' }>,
  theirs: Extract<History, { kind: 'mariadb' }>,
): Extras {
  const written = parsePoints(mine.state);
  const received = parsePoints(mine.received);
  const ranges: string[] = [];
  let count = 0;
  for (const [key, sequence] of merge(parsePoints(theirs.state), parsePoints(theirs.received))) {
    const [domain, server] = key.split('-');
    if (Number(server) !== mine.serverId) continue;
    const later = [...received].filter(([point]) => point.startsWith(`${domain}-`)).map(([, at]) => at);
    const has = written.get(key) ?? Math.max(0, ...later);
    if (has >= sequence) continue;
    ranges.push(has + 1 === sequence ? `${key}-${sequence}` : `${key}-${has + 1}..${sequence}`);
    count += sequence - has;
  }
  return { count, list: ranges.join(',') };
}

/** In words, what is wrong with a server that cannot follow `writer`. */
export function misfit({ count, lost }: Pick<Extras, 'count' | 'lost'>, writer: string): string {
  return lost === true
    ? `it lost ${upTo(count)} of its own that ${writer} holds, and would skip what it wrote itself`
    : `it holds ${upTo(count)} that ${writer} lacks`;
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
  return a.kind === b.kind && isContained(a, b) && isContained(b, a);
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

function mysqlExtras(mine: string, theirs: string, ignoreUuid: string): Extras {
  const there = parseSet(theirs);
  const lists: string[] = [];
  let count = 0;
  for (const [source, intervals] of parseSet(mine)) {
    if (ignoreUuid !== '' && source.split(':')[0] === ignoreUuid.toLowerCase()) continue;
    const left = subtract(intervals, there.get(source) ?? []);
    if (left.length === 0) continue;
    lists.push(nameSet(source, left));
    for (const [a, b] of left) count += b - a + 1;
  }
  return count === 0 ? NONE : { count, list: lists.join(',') };
}
