import type { LogEvent } from './dialects/dialect.ts';

/**
 * Where a reading in a log is: between transactions, in one, or where either may be true (a transaction is announced
 * but has not begun; it was interrupted). It is `outside` where a position that was applied is.
 */
export type Standing = 'outside' | 'unsure' | 'inside';

export interface Step {
  readonly standing: Standing;
  /** This event was the end of a transaction. */
  readonly ended: boolean;
}

/** Goes past one event. A statement outside of a transaction is one of its own, and so it is where that is unsure. */
export function step(standing: Standing, event: LogEvent): Step {
  if (event.type === 'Xid' || event.type === 'XA_prepare') return END;
  if (event.type === 'Gtid' || event.type === 'Anonymous_Gtid') return { standing: 'unsure', ended: false };
  // Begins a file, and what a source sends after it was connected to anew.
  if (event.type === 'Format_desc')
    return { standing: standing === 'outside' ? 'outside' : 'unsure', ended: false };
  if (event.type !== 'Query') return { standing, ended: false };
  const statement = event.info.replace(/^use `(?:[^`]|``)*`; /, '');
  if (/^(?:BEGIN|START TRANSACTION|XA START)\b/i.test(statement)) return { standing: 'inside', ended: false };
  if (/^(?:SAVEPOINT|ROLLBACK TO|XA END)\b/i.test(statement)) return { standing, ended: false };
  return standing === 'inside' && !/^(?:COMMIT|ROLLBACK)\b/i.test(statement)
    ? { standing, ended: false }
    : END;
}

const END: Step = { standing: 'outside', ended: true };
