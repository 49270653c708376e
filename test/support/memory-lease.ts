/** The lease and the leader of the memory hub: what `src/hub/lua/{renew,release,lead,resign}.lua` do. */
import type { Leader, Lease, Topology } from '../../src/core/model.ts';
import type { DueLease } from '../../src/hub/change.ts';
import { type RawFields, stored } from '../../src/hub/documents.ts';
import { clusterKey, wakeChannel } from '../../src/hub/keys.ts';
import { parseLeader } from '../../src/hub/leader.ts';
import { LEASE_FIELDS, parseLease } from '../../src/hub/lease.ts';
import { parseTopology } from '../../src/hub/state.ts';
import type { Grant, Renewal } from '../../src/ports.ts';
import type { MemoryRedis } from './memory-redis.ts';

const SHORT = 512;

export function renew(redis: MemoryRedis, sign: string, renewal: Renewal): Grant {
  const { member, agent, generation, armed } = renewal;
  const topology = topologyOf(redis, sign);
  if (topology === null || topology.generation < generation) return { says: 'unknown' };
  if (topology.generation > generation) return { says: 'lost', generation: topology.generation };
  const lease = leaseOf(redis, sign, renewal);
  if (lease === null) return { says: 'unknown' };
  if (lease.released) return { says: 'lost', generation };
  const writes = topology.phase === 'stable' && topology.writer === member;
  const opens = topology.phase === 'opening' && topology.to === member;
  if (!writes && !opens) return { says: 'unknown' };
  if (lease.agent !== '' && lease.agent !== agent)
    return { says: 'foreign', agent: lease.agent, counter: lease.counter };
  const { fields } = redis.need(clusterKey(sign, 'lease'), 'hash');
  fields.set('agent', agent).set('counter', String(lease.counter + 1));
  fields.set('armed', armed ? '1' : '0');
  return { says: 'granted' };
}

export function release(redis: MemoryRedis, sign: string, asked: Omit<Renewal, 'armed'>): boolean {
  const topology = topologyOf(redis, sign);
  if (topology?.generation !== asked.generation) return false;
  if (topology.phase !== 'stable' || topology.writer !== asked.member) return false;
  const lease = leaseOf(redis, sign, asked);
  if (lease === null || (lease.agent !== '' && lease.agent !== asked.agent)) return false;
  redis.need(clusterKey(sign, 'lease'), 'hash').fields.set('agent', asked.agent).set('released', '1');
  redis.publish(wakeChannel(sign), 'report');
  return true;
}

export function writeLease(redis: MemoryRedis, key: string, due: DueLease): void {
  const held = parseLease(key, rawLease(redis, key), () => {});
  const same = held?.holder === due.holder && String(held.generation) === due.generation;
  if (same && held.incarnation === due.incarnation) return;
  redis.remove(key);
  const { fields } = redis.need(key, 'hash');
  const blank = { counter: '0', agent: '', armed: '0', released: same && held.released ? '1' : '0' };
  for (const [name, value] of Object.entries({ ...due, ...blank })) fields.set(name, value);
}

export function lead(redis: MemoryRedis, sign: string, id: string, takeFrom: number | null): Leader {
  const key = clusterKey(sign, 'leader');
  const [held = '', counter = '0'] = rawLeader(redis, key).values ?? [];
  const leader = parseLeader(key, rawLeader(redis, key), () => {});
  if (leader !== null && held !== id && leader.counter !== takeFrom) return leader;
  const next = Number(counter) + 1;
  const { fields } = redis.need(key, 'hash');
  fields.set('id', id).set('counter', String(next));
  fields.set('at', String(Math.floor(redis.now())));
  return { id, counter: next, ageMs: 0 };
}

export function resign(redis: MemoryRedis, sign: string, id: string): void {
  const key = clusterKey(sign, 'leader');
  if (rawLeader(redis, key).values?.[0] === id) redis.need(key, 'hash').fields.set('id', '');
}

export function rawLease(redis: MemoryRedis, key: string): RawFields {
  return rawFields(redis, key, LEASE_FIELDS);
}

/** Its age instead of the time of its last sign of life. */
export function rawLeader(redis: MemoryRedis, key: string): RawFields {
  const raw = rawFields(redis, key, ['id', 'counter', 'at']);
  if (raw.values === null) return raw;
  const [id = '', counter = '', at = ''] = raw.values;
  const isOne = /^[A-Za-z0-9_.:-]{0,128}$/.test(id) && /^\d{1,15}$/.test(counter) && /^\d{1,15}$/.test(at);
  if (!isOne) return { values: null, why: 'is not understood' };
  return { values: [id, counter, String(Math.max(0, Math.floor(redis.now()) - Number(at)))], why: '' };
}

function rawFields(redis: MemoryRedis, key: string, names: readonly string[]): RawFields {
  const fields = redis.find(key, 'hash')?.fields;
  if (fields === undefined)
    return { values: null, why: redis.kindOf(key) === 'none' ? '' : 'has a wrong type' };
  const missing = names.find((name) => Buffer.byteLength(fields.get(name) ?? 'x'.repeat(SHORT + 1)) > SHORT);
  if (missing !== undefined) return { values: null, why: `lacks ${missing}` };
  return { values: names.map((name) => fields.get(name) ?? ''), why: '' };
}

/** The lease of this member and generation, or null. */
function leaseOf(
  redis: MemoryRedis,
  sign: string,
  { member, generation }: Pick<Renewal, 'member' | 'generation'>,
): Lease | null {
  const key = clusterKey(sign, 'lease');
  const lease = parseLease(key, rawLease(redis, key), () => {});
  return lease?.holder === member && lease.generation === generation ? lease : null;
}

function topologyOf(redis: MemoryRedis, sign: string): Topology | null {
  const found = redis.find(clusterKey(sign, 'topology'), 'string');
  return parseTopology(sign, stored(found?.text ?? null), () => {});
}
