import type { Redis } from 'ioredis';
import type { Leader } from '../core/model.ts';
import type { RawFields } from './documents.ts';
import { clusterKey } from './keys.ts';
import { runScript, scripts } from './scripts.ts';

/** Says that `id` is there to decide, and who leads. */
export async function lead(
  redis: Redis,
  uniqsign: string,
  id: string,
  takeFrom: number | null,
): Promise<Leader> {
  const keys = [clusterKey(uniqsign, 'leader')];
  const reply = await runScript(redis, scripts.lead, keys, [id, takeFrom ?? '']);
  return leader(Array.isArray(reply) ? reply : []);
}

/** Leads no more. */
export async function resign(redis: Redis, uniqsign: string, id: string): Promise<void> {
  await runScript(redis, scripts.resign, [clusterKey(uniqsign, 'leader')], [id]);
}

/** Who leads, or null, after one complaint when something else lies in its place. */
export function parseLeader(name: string, raw: RawFields, complain: (c: string) => void): Leader | null {
  if (raw.why !== '') complain(`${name} ${raw.why}`);
  return raw.values === null || raw.values[0] === '' ? null : leader(raw.values);
}

function leader([id, counter, ageMs]: readonly unknown[]): Leader {
  return { id: String(id), counter: Number(counter), ageMs: Number(ageMs) };
}
