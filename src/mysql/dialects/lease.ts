/** The statements of the lease that are the same on every server. */
import type { Own, Row, Statement } from './dialect.ts';
import { binary, literal, statement } from './text.ts';

/** From MariaDB 12.0 the variable is a word; a value that nobody knows is read-only. */
export function isReadOnly(row: Row | undefined): boolean {
  return row?.ro !== '0' && row?.ro !== 'OFF';
}

export const READ_ONLY = statement('SELECT @@global.read_only AS ro');

/** `source`: where the server has its status. The lock is free only when the answer is 1. */
export function glanceAt(lock: string, source: string): Statement {
  return statement(
    `SELECT @@global.read_only AS ro, IS_FREE_LOCK(${literal(lock)}) AS lock_free,` +
      ` (SELECT VARIABLE_VALUE FROM ${source} WHERE VARIABLE_NAME = 'Uptime') AS uptime`,
  );
}

/** Where servers have their status: MySQL has moved it. */
export const STATUS_SOURCES: readonly string[] = [
  'information_schema.GLOBAL_STATUS',
  'performance_schema.global_status',
];

/** The server ends the session, and with it its lock, 2 s after it was heard last; and it waits for nobody long. */
export const SHORT_LIVED = statement('SET SESSION wait_timeout = 2, lock_wait_timeout = 1');

export function getLock(lock: string): Statement {
  return statement(`SELECT GET_LOCK(${literal(lock)}, 0) AS got`);
}

export function ownsLock(lock: string): Statement {
  return statement(`SELECT ${isOwn(lock)} AS ours`);
}

/** Notes the server's time, for `openUnlessLate` in the same session. */
export const NOTE_TIME = statement('SET @mmm_asked = UNIX_TIMESTAMP(SYSDATE(6))');

/**
 * Clears read-only (and with it super_read_only) unless the lock is not this session's any more, or the server sees it
 * more than 1.5 s after `NOTE_TIME`.
 */
export function openUnlessLate(lock: string, needs: string): Statement {
  const age = 'UNIX_TIMESTAMP(SYSDATE(6)) - @mmm_asked BETWEEN 0 AND 1.5';
  return statement(`SET GLOBAL read_only = IF(${isOwn(lock)} AND ${age}, 0, 1)`, needs);
}

function isOwn(lock: string): string {
  return `IS_USED_LOCK(${literal(lock)}) = CONNECTION_ID()`;
}

/**
 * Sets `variable` after so long. One that is interrupted changes nothing: 9 is refused by every server, where the
 * value read before would undo what somebody has set meanwhile.
 */
export function closeAfter(ms: number, variable: string, needs: string): Statement {
  const parts = Math.max(1, Math.ceil(ms / LONGEST_SLEEP_MS));
  const seconds = (Math.max(0, ms) / parts / 1000).toFixed(3);
  const slept = Array.from({ length: parts }, () => `SLEEP(${seconds}) = 0`).join(' AND ');
  return statement(`SET GLOBAL ${variable} = ${DEAD_MAN} IF(${slept}, 1, 9)`, needs);
}

/** After 5 s asleep a server looks whether the client is still there. */
const LONGEST_SLEEP_MS = 4500;
const DEAD_MAN = '/* mmm-dead-man */';

/** `ID` and `STATE` of each statement of `closeAfter` that our account has running, whoever started it. */
export function deadMen(own: Own): Statement {
  return statement(
    'SELECT ID, STATE FROM information_schema.PROCESSLIST' +
      ` WHERE CAST(USER AS BINARY) = ${binary(own.user)} AND COMMAND = 'Query'` +
      ` AND INFO LIKE 'SET GLOBAL %${DEAD_MAN}%'`,
  );
}

export function isAsleep(session: Row): boolean {
  return session.STATE === 'User sleep';
}
