import type { LegacyKeys } from '../ports.ts';
import type { RawFields, Stored } from './documents.ts';
import type { RawCluster, RawOrders } from './state.ts';

/** The reply of `lua/read.lua` in a shape with names. */
export function rawCluster(reply: unknown): RawCluster {
  const [incarnation, topology, reports, requests, requestsWhy, reportsWhy, legacy, members, ...own] =
    list(reply);
  const [lease, leader, nowMs] = own;
  return {
    incarnation: text(incarnation) ?? '',
    topology: storedPair(list(topology)),
    reports: list(reports).map((entry) => {
      const [name, ...pair] = list(entry);
      return { name: text(name) ?? '', ...storedPair(pair) };
    }),
    requests: list(requests).map((entry) => {
      const [id, storedAt, ...pair] = list(entry);
      return { id: text(id) ?? '', storedAt: text(storedAt) ?? '0', ...storedPair(pair) };
    }),
    requestsWhy: text(requestsWhy) ?? '',
    reportsWhy: text(reportsWhy) ?? '',
    legacy: legacyKeys(list(legacy), list(members)),
    lease: rawFields(list(lease)),
    leader: rawFields(list(leader)),
    redisNowMs: Number(nowMs),
  };
}

/** The reply of `lua/orders.lua`. */
export function rawOrders(reply: unknown): RawOrders {
  const [incarnation, topology] = list(reply);
  return { incarnation: text(incarnation) ?? '', topology: storedPair(list(topology)) };
}

function rawFields([found, why]: readonly unknown[]): RawFields {
  return { values: Array.isArray(found) ? found.map(String) : null, why: text(why) ?? '' };
}

function legacyKeys(values: readonly unknown[], members: readonly unknown[]): LegacyKeys {
  const [active, passive, masterHost, masterGeneration, masterSince, ...configured] = values.map(text);
  const [servicemode, primaryhost, secondaryhost] = configured;
  return {
    active: active ?? null,
    passive: passive ?? null,
    masterHost: masterHost ?? null,
    masterGeneration: masterGeneration ?? null,
    masterSince: masterSince ?? null,
    servicemode: servicemode ?? null,
    primaryhost: primaryhost ?? null,
    secondaryhost: secondaryhost ?? null,
    members: members.map(text).filter((member) => member !== null),
  };
}

function storedPair([found, why]: readonly unknown[]): Stored {
  return { text: text(found), why: text(why) ?? '' };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
