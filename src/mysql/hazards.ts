import type { Hazards } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import type { Dialect, Own, Row, Statement } from './dialects/dialect.ts';
import { count, isApplication, statement } from './dialects/text.ts';

type Ask = (statement: Statement, doing: string) => Promise<readonly Row[]>;

/**
 * What would keep this server from being closed in an orderly way. null when the account may not see it: a look has
 * all else then.
 */
export async function readHazards(own: Own, dialect: Dialect, ask: Ask): Promise<Hazards | null> {
  const [open, prepared] = await Promise.all([
    orNull(ask(openTransactions(own), 'looking for long transactions')),
    orNull(ask(dialect.prepared, 'looking for prepared XA transactions')),
  ]);
  if (open === null) return null;
  const [first] = open;
  return {
    longest:
      first === undefined
        ? null
        : { session: count(first.id), user: (first.user ?? '').slice(0, 256), seconds: count(first.seconds) },
    prepared: prepared === null ? null : prepared.length,
  };
}

/** The one of an application that has been open for the longest. `trx_started` is in the time zone of the system. */
function openTransactions(own: Own): Statement {
  return statement(
    'SELECT p.ID AS id, p.USER AS user, TIMESTAMPDIFF(SECOND, t.trx_started,' +
      " COALESCE(CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM'), NOW())) AS seconds" +
      ' FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id' +
      ` WHERE ${isApplication(own)} ORDER BY t.trx_started LIMIT 1`,
    'PROCESS',
  );
}

async function orNull(rows: Promise<readonly Row[]>): Promise<readonly Row[] | null> {
  try {
    return await rows;
  } catch (error) {
    if (error instanceof ServerError) return null;
    throw error;
  }
}
