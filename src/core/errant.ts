/**
 * Errant transactions: what a server holds and the writer lacks, as something that can be looked for in its binary
 * log; and what the log says of them, summed up for a person who must decide.
 */
import { extras } from './history.ts';
import type { History, Place } from './model.ts';

export type Errant =
  | {
      readonly kind: 'mariadb';
      /** By domain and server, first to last sequence number. */
      readonly ranges: readonly {
        readonly domain: number;
        readonly server: number;
        readonly first: number;
        readonly last: number;
      }[];
    }
  | { readonly kind: 'mysql'; readonly set: string }
  | { readonly kind: 'binlog'; readonly from: Place; readonly to: Place };

/** null: nothing is errant. A sentence: it cannot be told where they are. */
export function errantOf(mine: History, theirs: History): Errant | string | null {
  const { count, list } = extras(mine, theirs);
  if (count === 0) return null;
  if (mine.kind !== theirs.kind) return list;
  switch (mine.kind) {
    case 'mariadb':
      return { kind: 'mariadb', ranges: list.split(',').map(toRange) };
    case 'mysql':
      return { kind: 'mysql', set: list };
    case 'binlog':
      return toPlaces(list) ?? `it is not known where they stand in its binary log: ${list}`;
  }
}

function toRange(text: string): Extract<Errant, { kind: 'mariadb' }>['ranges'][number] {
  const [, domain, server, first, last] = /^(\d+)-(\d+)-(\d+)(?:\.\.(\d+))?$/.exec(text) ?? [];
  return {
    domain: Number(domain),
    server: Number(server),
    first: Number(first),
    last: Number(last ?? first),
  };
}

function toPlaces(list: string): Errant | null {
  const [, file, pos, toFile, toPos] = /^([^,\s]+):(\d+)\.\.([^,\s]+):(\d+)$/.exec(list) ?? [];
  if (file === undefined || toFile === undefined) return null;
  return {
    kind: 'binlog',
    from: { file, pos: Number(pos) },
    to: { file: toFile, pos: Number(toPos) },
  };
}

/** One transaction as the text of a binary log shows it. */
export interface ErrantTransaction {
  /** GTID; empty where there are none. */
  readonly id: string;
  /** As the server's own clock and time zone had it: `YYMMDD h:mm:ss`. */
  readonly at: string;
  /** Changed rows by kind and table, such as `INSERT t.orders`. Of statements only their number is told. */
  readonly changes: ReadonlyMap<string, number>;
}

/** Takes the lines of mysqlbinlog's verbose output one by one. */
export function createErrantReader(): {
  read(line: string): void;
  /** Of all that was read so far. */
  transactions(): readonly ErrantTransaction[];
} {
  const found: { readonly id: string; readonly at: string; readonly changes: Map<string, number> }[] = [];
  let at = '';
  let isNamed = false;
  let isStatement = false;
  const begin = (id: string): void => void found.push({ id, at, changes: new Map() });
  const count = (what: string): void => {
    const changes = found.at(-1)?.changes;
    changes?.set(what, (changes.get(what) ?? 0) + 1);
  };
  const readHead = (time: string, rest: string): void => {
    if (isStatement) count('statements');
    at = time;
    isStatement = rest.includes('\tQuery\t');
    const gtid = /\tGTID (\d+-\d+-\d+)/.exec(rest)?.[1];
    if (gtid === undefined) return;
    begin(gtid);
    isNamed = true;
  };
  const read = (line: string): void => {
    const [, time, rest] = HEAD.exec(line) ?? [];
    if (time !== undefined && rest !== undefined) readHead(time, rest);
    const gtid = /^SET @@SESSION\.GTID_NEXT= '([0-9a-f-]+(?::\w+)?:\d+)'/i.exec(line)?.[1];
    if (gtid !== undefined) {
      begin(gtid);
      isNamed = true;
    } else if (line === 'BEGIN') {
      if (!isNamed) begin('');
      isNamed = false;
      isStatement = false;
    } else if (line.startsWith('COMMIT')) isStatement = false;
    const [, verb, schema, table] = CHANGE.exec(line) ?? [];
    if (verb !== undefined) count(`${verb.split(' ')[0]} ${schema}.${table}`);
  };
  return {
    read,
    transactions: () => {
      if (isStatement) count('statements');
      isStatement = false;
      return found;
    },
  };
}

const HEAD = /^#(\d{6} +\d{1,2}:\d\d:\d\d) server id \d+ +(.*)$/;
const CHANGE = /^### (INSERT INTO|UPDATE|DELETE FROM) `(.+)`\.`(.+)`$/;
