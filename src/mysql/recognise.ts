import { ServerError } from '../errors.ts';
import type { Dialect, Row, Statement } from './dialects/dialect.ts';
import { dialectOf, familyOf } from './dialects/index.ts';
import { ABILITY_VARIABLES, type Abilities } from './dialects/mysql.ts';
import { HEARTBEATS } from './dialects/mysql-links.ts';
import { errnoOf, isPrivilegeMissing } from './reasons.ts';
import type { Session } from './session.ts';

/** Finds out how to talk to the server, and that all sessions can be seen; rejects with ServerError. */
export async function recognise(session: Session, address: string, timeoutMs: number): Promise<Dialect> {
  const ask = (sql: string, doing: string): Promise<readonly Row[]> => session.ask({ sql, timeoutMs, doing });
  const [row] = await ask('SELECT VERSION() AS version', 'asking for the version');
  const found = familyOf(row?.version ?? '');
  if ('refusal' in found) throw new ServerError('faulty', `${address}: ${found.refusal}`);
  const dialect = dialectOf(found.family, found.family === 'mysql' ? await abilities(ask) : NONE);
  await session.ask({ ...dialect.seeEverybody, timeoutMs, doing: 'checking that all sessions can be seen' });
  if (dialect.logs !== null) await checkReading(dialect.logs.mayRead, session, timeoutMs);
  return dialect;
}

/** Only after the crash of its source is a relay log read: too late to learn that it may not be. */
async function checkReading(mayRead: Statement, session: Session, timeoutMs: number): Promise<void> {
  try {
    await session.ask({ ...mayRead, timeoutMs, doing: 'checking that logs may be read' });
  } catch (error) {
    if (errnoOf(error) === null || isPrivilegeMissing(error)) throw error;
  }
}

const NONE: Abilities = {
  variables: new Set(),
  saysReplica: false,
  saysBinaryLog: false,
  seesHeartbeats: false,
};

/** By trying: forks and distributions number their versions as they like. */
async function abilities(ask: (sql: string, doing: string) => Promise<readonly Row[]>): Promise<Abilities> {
  const names = ABILITY_VARIABLES.map((name) => `'${name}'`).join(', ');
  const understands = async (sql: string): Promise<boolean> => {
    try {
      await ask(sql, 'asking what it understands');
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === null) throw error;
      return !UNKNOWN.has(errno);
    }
  };
  const [found, saysReplica, saysBinaryLog, seesHeartbeats] = await Promise.all([
    ask(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`, 'asking for its variables'),
    understands('SHOW REPLICA STATUS'),
    understands('SHOW BINARY LOG STATUS'),
    understands(HEARTBEATS.sql),
  ]);
  const variables = new Set(found.map((row) => (row.Variable_name ?? '').toLowerCase()));
  return { variables, saysReplica, saysBinaryLog, seesHeartbeats };
}

/** Syntax error, no such table, no such database, no such column, no access to the table. */
const UNKNOWN: ReadonlySet<number> = new Set([1064, 1146, 1049, 1054, 1142]);
