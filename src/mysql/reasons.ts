/** Turns what the driver or the socket said into a ServerError: which kind of trouble, and what to do about it. */
import { ServerError, type ServerTrouble } from '../errors.ts';

/** What was being done, to whom. */
export interface Attempt {
  readonly address: string;
  readonly user: string;
  /** In words, after "while": `connecting`, `asking for the replication status`. */
  readonly doing: string;
  /** The privilege that the statement needs, with `ON ...` when it is not for all of the server; empty when none. */
  readonly needs: string;
  /** The account as the server knows it, `user@host`; absent when it was not asked. */
  readonly account?: string;
}

/** Says why an attempt failed. Never holds a statement or a password. */
export function explain(error: unknown, attempt: Attempt): ServerError {
  if (error instanceof ServerError) return error;
  const { code, errno, message } = facts(error);
  const [trouble, reason] =
    errno === null ? socketReason(code, message) : [FAULTY, serverReason(errno, message, attempt)];
  return new ServerError(trouble, `${attempt.address}: ${reason} (while ${attempt.doing})`, { cause: error });
}

/** Nothing came back in time. */
export function noAnswer(attempt: Attempt, afterMs: number): ServerError {
  return new ServerError(
    'silent',
    `${attempt.address}: no answer within ${Math.round(afterMs)} ms (while ${attempt.doing}); ` +
      'check the host, the network and whether the server hangs',
  );
}

/** Whether the connection was cut by the other side, which says nothing yet about who is listening now. */
export function isCut(error: unknown): boolean {
  const { code, errno } = facts(error);
  return (errno === null && CUT.has(code)) || errno === KILLED || errno === SHUTDOWN;
}

/** Whether the server said that the account lacks a privilege. */
export function isPrivilegeMissing(error: unknown): boolean {
  return PRIVILEGE_MISSING.has(errnoOf(error) ?? 0);
}

/** The server's number of an error it sent; null for trouble with the socket. */
export function errnoOf(error: unknown): number | null {
  return facts(error instanceof ServerError ? error.cause : error).errno;
}

/** The rows, or null when a log that was to be read is not there any more, or has nothing at that place. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (errnoOf(error) !== NO_SUCH_EVENT) throw error;
    return null;
  }
}

/** What KILL says of a session that is gone already. */
export const NO_SUCH_SESSION = 1094;
const NO_SUCH_EVENT = 1220;
const FAULTY: ServerTrouble = 'faulty';
const KILLED = 1927;
const SHUTDOWN = 1053;
const CUT: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST', 'ECONNABORTED']);
/** 1045 is also what MySQL 5.6 says to STOP SLAVE; while logging in nothing is needed. */
const PRIVILEGE_MISSING: ReadonlySet<number> = new Set([1044, 1045, 1095, 1142, 1143, 1227, 1370]);

function facts(error: unknown): { code: string; errno: number | null; message: string } {
  if (!(error instanceof Error)) return { code: '', errno: null, message: 'unknown error' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const sent = 'sqlState' in error && 'errno' in error && typeof error.errno === 'number';
  return { code, errno: sent ? Number(error.errno) : null, message: printable(error.message) };
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').slice(0, 300);
}

function socketReason(code: string, message: string): readonly [ServerTrouble, string] {
  if (code === 'ECONNREFUSED') return ['refused', 'nobody listens there; is the server running?'];
  if (CUT.has(code))
    return ['silent', 'the connection was cut; is the server starting, stopping, or behind a proxy?'];
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return ['silent', 'the host name cannot be resolved; check DNS and /etc/hosts'];
  if (/^E(?:TIMEDOUT|HOSTUNREACH|NETUNREACH|HOSTDOWN|NETDOWN|ADDRNOTAVAIL)$/.test(code)) {
    return ['silent', `the host cannot be reached (${code}); check the host and the network`];
  }
  if (code === 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED') {
    return [
      FAULTY,
      'the server asks for the password in clear text, which is never sent; use mysql_native_password',
    ];
  }
  if (code === 'AUTH_SWITCH_PLUGIN_ERROR' || /unknown plugin/.test(message)) {
    return [FAULTY, `cannot log in: ${message}; use an account with mysql_native_password`];
  }
  return [FAULTY, `trouble with the connection: ${message}${code === '' ? '' : ` (${code})`}`];
}

function serverReason(errno: number, message: string, attempt: Attempt): string {
  const said = `${message} (error ${errno})`;
  if (PRIVILEGE_MISSING.has(errno) && attempt.needs !== '') {
    return `${said}; ${grantAdvice([attempt.needs], attempt)}`;
  }
  const advice = ADVICE.get(errno);
  return advice === undefined ? said : `${said}; ${advice}`;
}

/**
 * What an administrator runs, one GRANT for each of `needs`. Out of the binary log: replicated, the same GRANT on the
 * other server would be one too many.
 */
export function grantAdvice(
  needs: readonly string[],
  { user, account }: Pick<Attempt, 'user' | 'account'>,
): string {
  const at = account?.lastIndexOf('@') ?? -1;
  const [name, host] = at < 0 ? [user, '...'] : [account?.slice(0, at), account?.slice(at + 1)];
  const grants = needs.map((one) => {
    const what = / ON /.test(one) ? one : `${one} ON *.*`;
    return `GRANT ${what} TO '${name}'@'${host}'`;
  });
  return `run: ${grants.join('; ')} (on each server, after SET sql_log_bin=0)`;
}

const EXPIRED =
  'the password of the account has expired: set one (ALTER USER ... IDENTIFIED BY ... PASSWORD EXPIRE NEVER) and write it into the configuration';

const ADVICE: ReadonlyMap<number, string> = new Map([
  [1040, 'raise max_connections, or find who holds the connections (SHOW PROCESSLIST)'],
  [1044, 'let the account use this database, or set database=information_schema in the configuration'],
  [
    1045,
    'correct user= and password= in the configuration, or the password of the account; the server knows accounts by host too (SELECT user, host FROM mysql.user)',
  ],
  [1049, 'correct database= in the configuration; information_schema always exists'],
  [1053, 'the server is shutting down'],
  [1129, 'run FLUSH HOSTS on the server and raise max_connect_errors'],
  [1130, 'create the account for this host (CREATE USER), or start the server without skip-name-resolve'],
  [1142, 'grant the account what it lacks'],
  [1143, 'grant the account what it lacks'],
  [1203, 'raise max_user_connections'],
  [1226, 'raise the resource limit of the account (MAX_USER_CONNECTIONS, MAX_QUERIES_PER_HOUR)'],
  [1251, 'give the account a password login: ALTER USER ... IDENTIFIED WITH mysql_native_password'],
  [1275, 'set the password of the account anew: it is stored in the form of MySQL 4.0'],
  [1290, 'start the server without that option, or switch it off (SET GLOBAL)'],
  [1524, 'give the account a password login: ALTER USER ... IDENTIFIED WITH mysql_native_password'],
  [1698, 'give the account a password login (mysql_native_password)'],
  [1820, EXPIRED],
  [1862, EXPIRED],
  [3032, 'take the server out of offline mode: SET GLOBAL offline_mode=0'],
  [3118, 'unlock the account: ALTER USER ... ACCOUNT UNLOCK'],
  [3159, 'require_secure_transport is on: TLS to the server is not supported yet'],
  [4151, 'unlock the account: ALTER USER ... ACCOUNT UNLOCK'],
]);
