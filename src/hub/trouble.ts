import { HubError } from '../errors.ts';

/** Where a connection goes, as it is named in errors. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly username?: string | null | undefined;
}

/** How long Redis has for one answer. */
export const COMMAND_TIMEOUT_MS = 400;

/**
 * Says what is wrong and which setting mends it. The original error is not kept as `cause`: the client's errors
 * carry the command they belong to, and that may be the one with the password.
 */
export function hubError(error: unknown, target: Target): HubError {
  if (error instanceof HubError) return error;
  return new HubError(explain(error instanceof Error ? error : new Error(String(error)), target));
}

/** Whether Redis refused because a key holds another type than it should. */
export function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}

/** Whether the answer did not come in time: the connection may be dead without saying so. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

function explain(error: Error, target: Target): string {
  const redis = `Redis at ${target.host}:${target.port}`;
  const text = error.message;
  const user = target.username ? `user "${target.username}"` : 'the default user';
  if (text.startsWith('NOAUTH')) return `${redis} asks for a password: set [redis] password`;
  if (/^WRONGPASS|invalid password|invalid username-password/i.test(text)) {
    return `${redis} refuses the password of ${user}: correct [redis] password`;
  }
  if (/^NOPERM|user executing the script can't/.test(text)) {
    return `${redis} does not permit this to ${user}: ${brief(text)}; grant it with ACL SETUSER, or change [redis] username`;
  }
  if (/DB index/i.test(text)) return `${redis} has no such database: correct [redis] db`;
  if (text.startsWith('READONLY'))
    return `${redis} is a read-only replica: [redis] host must name the primary`;
  if (text.includes('ECONNREFUSED'))
    return `${redis}: nobody listens there; start Redis or correct [redis] host`;
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return `${redis}: this host name is not known; correct [redis] host`;
  if (isTimeout(error)) return `${redis} did not answer within ${COMMAND_TIMEOUT_MS} ms`;
  if (text.includes('ETIMEDOUT'))
    return `${redis} cannot be reached in time; check the network or correct [redis] host`;
  if (/^Connection is closed|isn't writeable|max retries/.test(text))
    return `${redis}: the connection was lost`;
  return `${redis}: ${brief(text)}`;
}

function brief(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 200);
}
