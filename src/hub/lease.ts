import type { Redis } from 'ioredis';
import { Lease } from '../core/model.ts';
import type { Grant, Renewal } from '../ports.ts';
import { describe, type RawFields } from './documents.ts';
import { clusterKey, wakeChannel } from './keys.ts';
import { runScript, scripts } from './scripts.ts';

/** The fields of the hash, in the order in which `lua/read.lua` answers. */
export const LEASE_FIELDS = [
  'holder',
  'generation',
  'counter',
  'agent',
  'armed',
  'released',
  'incarnation',
] as const;

/** Asks for one more term. */
export async function renewLease(redis: Redis, uniqsign: string, renewal: Renewal): Promise<Grant> {
  const { member, agent, generation, armed } = renewal;
  const values = [clusterKey(uniqsign, 'topology'), uniqsign, member, agent, generation, armed ? '1' : '0'];
  const reply = await runScript(redis, scripts.renew, [clusterKey(uniqsign, 'lease')], values);
  const [says, ...more] = Array.isArray(reply) ? reply : [];
  if (says === 'granted') return { says };
  if (says === 'lost') return { says, generation: Number(more[0]) };
  if (says === 'foreign') return { says, agent: String(more[0]), counter: Number(more[1]) };
  return { says: 'unknown' };
}

/** Gives the lease up for good; false when it is not this agent's any more. */
export async function releaseLease(
  redis: Redis,
  uniqsign: string,
  { member, agent, generation }: Omit<Renewal, 'armed'>,
): Promise<boolean> {
  const topology = clusterKey(uniqsign, 'topology');
  const values = [topology, uniqsign, member, agent, generation, wakeChannel(uniqsign)];
  return (await runScript(redis, scripts.release, [clusterKey(uniqsign, 'lease')], values)) === 1;
}

/** The lease, or null, after one complaint when something else lies in its place. */
export function parseLease(name: string, raw: RawFields, complain: (c: string) => void): Lease | null {
  if (raw.values === null) {
    if (raw.why !== '') complain(`${name} ${raw.why}`);
    return null;
  }
  const fields = Object.fromEntries(LEASE_FIELDS.map((field, i) => [field, raw.values?.[i]]));
  const parsed = Lease.safeParse({
    ...fields,
    generation: whole(fields.generation),
    counter: whole(fields.counter),
    armed: flag(fields.armed),
    released: flag(fields.released),
  });
  if (parsed.success) return parsed.data;
  complain(`${name} is not understood: ${describe(parsed.error)}`);
  return null;
}

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function flag(text: string | undefined): boolean | undefined {
  return text === '1' ? true : text === '0' ? false : undefined;
}
