import type { LogEvent } from './dialects/dialect.ts';

/** Whether this event of a log is the end of a transaction (a statement outside of one is its own). */
export function ends(event: LogEvent): boolean {
  if (event.type === 'Xid' || event.type === 'XA_prepare') return true;
  if (event.type !== 'Query') return false;
  const statement = event.info.replace(/^use `(?:[^`]|``)*`; /, '');
  return !/^(?:BEGIN|START TRANSACTION|XA START|SAVEPOINT|ROLLBACK TO)\b/i.test(statement);
}
