/** Where in a server's binary logs its errant transactions begin, found from the newest log backwards. */
import type { Errant } from '../core/errant.ts';
import { parseSet, subtract } from '../core/gtid-set.ts';
import type { Place } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import { quotedText } from './accounts/quote.ts';
import type { Row } from './dialects/dialect.ts';
import { openSession, type Session, type Target } from './session.ts';

/** Logs from the first to the last one to be read, and where in the first one the errant part begins. */
export interface ErrantPlace {
  readonly logs: readonly string[];
  readonly startAt: number;
  /** In the last one; null: its end. */
  readonly stopAt: number | null;
}

const CONNECT_MS = 5000;
const ASK_MS = 30_000;
const PAGE = 2000;
/** A log begins with what the earlier ones hold, within its first few events. */
const HEAD = 4;
const NEEDS = 'BINLOG MONITOR, REPLICATION SLAVE';

/** Rejects with ServerError, also when the logs that held it are gone. */
export async function findErrant(target: Target, errant: Errant): Promise<ErrantPlace> {
  const session = await openSession(target, CONNECT_MS);
  try {
    const ask = (sql: string): Promise<readonly Row[]> =>
      session.ask({ sql, doing: 'reading the binary log', needs: NEEDS, timeoutMs: ASK_MS });
    const logs = (await ask('SHOW BINARY LOGS')).map((row) => String(row.Log_name));
    if (errant.kind === 'binlog') return between(logs, errant, target.address);
    const first = await firstLog(ask, logs, errant, target.address);
    const rest = logs.slice(logs.indexOf(first));
    return { logs: rest, startAt: await startIn(ask, first, errant), stopAt: null };
  } finally {
    session.end();
  }
}

type AskLog = (sql: string) => ReturnType<Session['ask']>;

function between(
  logs: readonly string[],
  { from, to }: { readonly from: Place; readonly to: Place },
  address: string,
): ErrantPlace {
  const [first, last] = [logs.indexOf(from.file), logs.indexOf(to.file)];
  if (first === -1 || last < first) throw gone(address, from.file);
  return { logs: logs.slice(first, last + 1), startAt: from.pos, stopAt: to.pos };
}

/** The newest log that begins before the first errant transaction. */
async function firstLog(
  ask: AskLog,
  logs: readonly string[],
  errant: Exclude<Errant, { kind: 'binlog' }>,
  address: string,
): Promise<string> {
  for (const log of [...logs].reverse()) {
    const head = await ask(`SHOW BINLOG EVENTS IN ${quotedText(log)} LIMIT ${HEAD}`);
    const before = head.map(infoOf(['Gtid_list', 'Previous_gtids'])).find((info) => info !== null) ?? '';
    if (!holdsAny(before, errant)) return log;
  }
  throw gone(address, 'an older one');
}

async function startIn(
  ask: AskLog,
  log: string,
  errant: Exclude<Errant, { kind: 'binlog' }>,
): Promise<number> {
  for (let from = 4; ; ) {
    const rows = await ask(`SHOW BINLOG EVENTS IN ${quotedText(log)} FROM ${from} LIMIT ${PAGE}`);
    const found = rows.find((row) => holdsAny(infoOf(['Gtid'])(row) ?? '', errant));
    if (found !== undefined) return Number(found.Pos);
    const last = rows.at(-1);
    // Not in its first log: it begins in the next one.
    if (last === undefined || rows.length < PAGE) return 4;
    from = Number(last.End_log_pos);
  }
}

function infoOf(types: readonly string[]): (row: Row) => string | null {
  return (row) => (types.includes(String(row.Event_type)) ? String(row.Info) : null);
}

/** Whether this text names one of the errant transactions, or (a list of points) reaches up to one. */
function holdsAny(text: string, errant: Exclude<Errant, { kind: 'binlog' }>): boolean {
  if (errant.kind === 'mysql') return overlaps(text, errant.set);
  for (const [, domain, server, sequence] of text.matchAll(/(\d+)-(\d+)-(\d+)/g)) {
    const range = errant.ranges.find((r) => r.domain === Number(domain) && r.server === Number(server));
    if (range !== undefined && Number(sequence) >= range.first) return true;
  }
  return false;
}

function overlaps(text: string, set: string): boolean {
  const named = parseSet(text.replace(/^SET @@SESSION\.GTID_NEXT= *'(.*)'.*$/i, '$1'));
  for (const [source, intervals] of parseSet(set)) {
    const size = (list: readonly (readonly [number, number])[]): number =>
      list.reduce((sum, [a, b]) => sum + b - a + 1, 0);
    if (size(subtract(intervals, named.get(source) ?? [])) < size(intervals)) return true;
  }
  return false;
}

function gone(address: string, log: string): ServerError {
  const what = `its binary log that held the first of them (${log}) has been purged`;
  return new ServerError(
    'faulty',
    `${address}: ${what}; compare the tables with the writer's, for instance with pt-table-checksum`,
  );
}
