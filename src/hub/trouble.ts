import { HubError } from '../errors.ts';
import { TLS_TROUBLES } from './tls-trouble.ts';

/** Where a connection goes, as it is named in errors. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly username?: string | null | undefined;
  /** Channel of the ancestor's message, to be named in the permissions. */
  readonly topic?: string | undefined;
  /** With TLS; `servername`: whose certificate is expected, null = the host's; `cert`: what we show of ourselves. */
  readonly tls?: { readonly servername: string | null; readonly cert: string | null } | null | undefined;
}

/** How long Redis has for one answer. */
export const COMMAND_TIMEOUT_MS = 400;

/** The client waits until Redis has loaded its data, without an error of its own. */
export const LOADING = 'LOADING';

/**
 * Says what is wrong and which setting mends it. The original error is not kept as `cause`: the client's errors
 * carry the command they belong to, and that may be the one with the password.
 */
export function hubError(error: unknown, target: Target): HubError {
  if (error instanceof HubError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const known = KNOWN.find(([sign]) => sign.test(text));
  const reason = known === undefined ? `: ${brief(text)}` : known[1](text, target);
  return new HubError(`Redis at ${target.host}:${target.port}${reason}`);
}

/** Whether Redis refused because a key holds another type than it should. */
export function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}

/** Whether Redis refused because this user may not (ACL). */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOPERM');
}

/** Whether the answer did not come in time: the connection may be dead without saying so. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

export type Reason = (text: string, target: Target) => string;

/** What Redis, the client or the system say, and what to do about it; the first that fits. */
const KNOWN: readonly (readonly [sign: RegExp, reason: Reason])[] = [
  [/^NOAUTH/, () => ' asks for a password: set [redis] password or password_file'],
  [
    /^WRONGPASS|invalid password|invalid username-password/i,
    (_, { username }) =>
      username
        ? ` refuses user "${username}" with this password: correct [redis] username and password`
        : ' refuses the password of the default user: correct [redis] password',
  ],
  [
    /^NOPERM|ACL failure in script|user executing the script can't/,
    (text, target) =>
      ` does not permit this to ${userOf(target)}: ${brief(text)}; run there: ${acl(text, target)}`,
  ],
  [/DB index/i, () => ' has no such database: correct [redis] db'],
  [/READONLY/, () => ' is a read-only replica: [redis] host must name the primary'],
  [/^MASTERDOWN/, () => ' is a replica that has lost its primary: [redis] host must name the primary'],
  [/^LOADING/, () => ' is still loading its data: wait'],
  [
    /MISCONF/,
    () =>
      ' refuses to write because it cannot save to its own disk: see its log and make room there, or CONFIG SET stop-writes-on-bgsave-error no',
  ],
  [
    /\bOOM\b/,
    () => ' refuses to write because its memory is full: raise its maxmemory, or find what fills it',
  ],
  [/NOREPLICAS/, () => ' refuses to write because it has too few replicas: see its min-replicas-to-write'],
  [
    /^DENIED/,
    () =>
      ' is in protected mode and takes nobody from another host: give it a password (requirepass) and set [redis] password, or set its protected-mode to no',
  ],
  [
    /^(?:MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b/,
    () =>
      ' is part of a Redis cluster, which is not supported: [redis] host must name a Redis that stands alone',
  ],
  [/max number of clients/, () => ' takes no more clients: raise its maxclients'],
  [/^BUSY\b/, () => ' is held up by a script of somebody: run there SCRIPT KILL'],
  [
    /unknown command/i,
    (text) => ` lacks a command: ${brief(text)}; it must be Redis 6 or later, and the command not renamed`,
  ],
  [
    /reply type byte|Unknown RESP type|Protocol error/i,
    () => ': who answers there does not speak as Redis does; correct [redis] host',
  ],
  ...TLS_TROUBLES,
  [/ECONNREFUSED/, () => ': nobody listens there; start Redis or correct [redis] host'],
  [/ENOTFOUND|EAI_AGAIN/, () => ': this host name is not known; correct [redis] host'],
  [
    /^Command timed out$/,
    () => ` did not answer within ${COMMAND_TIMEOUT_MS} ms: is it frozen, overloaded, or behind a firewall?`,
  ],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN/,
    (_, { tls }) =>
      ` cannot be reached in time; check the network or correct [redis] host${tls ? '; or it does not speak TLS there: then remove tls_ca' : ''}`,
  ],
  [
    /^Connection is closed|isn't writeable|max retries|ECONNRESET|EPIPE/,
    (_, { tls }) => `: the connection was lost; is Redis restarting${otherCauses(tls)}`,
  ],
];

/** A server that wants a certificate may hang up before it has said so. */
function otherCauses(tls: Target['tls']): string {
  if (tls)
    return tls.cert === null
      ? ', or does it want a certificate of ours? Then set tls_cert and tls_key'
      : ', or does it refuse the certificate in [redis] tls_cert? See its log';
  return ', in protected mode (it needs a password then), or does it want TLS? Then set [redis] tls_ca';
}

/** Everything the programs do, and nothing that could harm other users of the same Redis. */
const COMMANDS = '+@read +@write +@pubsub +@scripting +@transaction +@connection -@dangerous +info +time';

/** Only what is missing: a rule that a user has already in a wider form would be refused. */
function acl(text: string, target: Target): string {
  const user = target.username || 'default';
  const topic = target.topic ?? 'mmm-switch-channel';
  if (/channel/.test(text)) return `ACL SETUSER ${user} &mysql-* &${topic}`;
  if (/\bkeys?\b/.test(text)) return `ACL SETUSER ${user} ~mysql-*`;
  return `ACL SETUSER ${user} ${COMMANDS}`;
}

function userOf({ username }: Target): string {
  return username ? `user "${username}"` : 'the default user';
}

function brief(text: string): string {
  return text
    .replace(/ script: [0-9a-f]{40}, on @user_script.*$/s, '')
    .replace(/\s+/g, ' ')
    .slice(0, 200);
}
