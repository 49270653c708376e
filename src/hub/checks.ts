import type { Redis } from 'ioredis';
import type { LegacyCheck } from '../core/model.ts';
import { checkKey } from './keys.ts';
import { isWrongType } from './trouble.ts';

/** Writes a member's legacy check hash, also over a key of another type. */
export async function writeCheck(
  redis: Redis,
  uniqsign: string,
  address: string,
  check: LegacyCheck,
): Promise<void> {
  const key = checkKey(uniqsign, address);
  const fields = { ...check };
  try {
    await redis.hset(key, fields);
  } catch (error) {
    if (!isWrongType(error)) throw error;
    await redis.multi().del(key).hset(key, fields).exec();
  }
}

/** The check hashes there are, by address; one that lacks a field or holds another value than the ancestor's is absent. */
export async function readChecks(
  redis: Redis,
  uniqsign: string,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, LegacyCheck>> {
  const found = new Map<string, LegacyCheck>();
  if (addresses.length === 0) return found;
  const pipeline = redis.pipeline();
  for (const address of addresses) pipeline.hmget(checkKey(uniqsign, address), ...CHECK_FIELDS);
  const replies = (await pipeline.exec()) ?? [];
  for (const [i, address] of addresses.entries()) {
    const [error, values] = replies[i] ?? [null, null];
    if (error !== null && !isWrongType(error)) throw error;
    const check = error === null && Array.isArray(values) ? parseCheck(values) : null;
    if (check !== null) found.set(address, check);
  }
  return found;
}

export const CHECK_FIELDS = [
  'ping',
  'repl_check',
  'read_only',
  'delay_sec',
  'conn_nums',
  'last_check',
] as const;

/** Values in the order of CHECK_FIELDS. */
export function parseCheck(values: readonly unknown[]): LegacyCheck | null {
  const [ping, replCheck, readOnly, delay, connections, last] = values.map((v) =>
    typeof v === 'string' ? v : '',
  );
  if (ping !== '1' && ping !== '0') return null;
  const numbers = [readOnly, connections, last];
  if (!numbers.every((text) => /^-?\d{1,15}$/.test(text ?? ''))) return null;
  if (!/^-?\d{1,15}(?:\.\d{1,6})?$/.test(delay ?? '')) return null;
  if (!/^(?:OK|Error|Delay -?\d{1,15}(?:\.\d{1,6})? Seconds)$/.test(replCheck ?? '')) return null;
  return {
    ping,
    repl_check: replCheck ?? '',
    read_only: readOnly ?? '',
    delay_sec: delay ?? '',
    conn_nums: connections ?? '',
    last_check: last ?? '',
  };
}
