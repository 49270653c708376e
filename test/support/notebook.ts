/** What a daemon remembers, without a disk. */
import type { Topology } from '../../src/core/model.ts';
import type { Memory } from '../../src/ports.ts';

export function createNotebook(): Memory {
  const floors = new Map<string, number>();
  const spent = new Map<string, number>();
  const kept = new Map<string, Topology>();
  return {
    floor: (sign) => floors.get(sign) ?? 0,
    raise: async (sign, generation) => void floors.set(sign, Math.max(generation, floors.get(sign) ?? 0)),
    spent: (sign, address) => spent.get(`${sign} ${address}`) ?? 0,
    spend: async (sign, address, generation) => void spent.set(`${sign} ${address}`, generation),
    kept: (sign) => kept.get(sign) ?? null,
    keep: async (topology) => void kept.set(topology.uniqsign, topology),
    clusters: () => [...new Set([...floors.keys(), ...kept.keys()])],
  };
}
