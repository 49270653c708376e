/** The state directory of one process: what was written before it died is there when it comes back. */
import type { Topology } from '../../src/core/model.ts';
import type { Memory } from '../../src/ports.ts';
import type { Life } from './process.ts';

export interface StateDir {
  open(life: Life): Memory;
  /** What is on disk. */
  spent(sign: string, address: string): number;
  /** As a machine that is set up anew. */
  lose(): void;
}

export function createStateDir(): StateDir {
  const floors = new Map<string, number>();
  const spent = new Map<string, number>();
  const kept = new Map<string, Topology>();
  const raiseIn = (map: Map<string, number>, key: string, value: number): void =>
    void map.set(key, Math.max(value, map.get(key) ?? 0));

  function open(life: Life): Memory {
    // Seen at once, on disk a little later: a program that dies in between comes back without it.
    const seen = new Map(floors);
    const write = (what: string, act: () => void): Promise<void> =>
      life.call({
        what: `memory.${what}`,
        to: life.process.host,
        timeoutMs: Number.POSITIVE_INFINITY,
        late: () => new Error('the disk does not answer'),
        serve: async () => act(),
      });
    return {
      floor: (sign) => seen.get(sign) ?? 0,
      raise(sign, generation) {
        raiseIn(seen, sign, generation);
        if ((floors.get(sign) ?? 0) >= generation) return Promise.resolve();
        return write('raise', () => raiseIn(floors, sign, generation));
      },
      spent: (sign, address) => spent.get(`${sign} ${address}`) ?? 0,
      spend(sign, address, generation) {
        const key = `${sign} ${address}`;
        if ((spent.get(key) ?? 0) >= generation) return Promise.resolve();
        return write('spend', () => raiseIn(spent, key, generation));
      },
      kept: (sign) => kept.get(sign) ?? null,
      keep(topology) {
        const before = kept.get(topology.uniqsign);
        if (before !== undefined && !isNewer(topology, before)) return Promise.resolve();
        return write('keep', () => void kept.set(topology.uniqsign, topology));
      },
      clusters: () => [...new Set([...floors.keys(), ...kept.keys()])],
    };
  }

  return {
    open,
    spent: (sign, address) => spent.get(`${sign} ${address}`) ?? 0,
    lose() {
      floors.clear();
      spent.clear();
      kept.clear();
    },
  };
}

function isNewer(topology: Topology, kept: Topology): boolean {
  if (topology.generation !== kept.generation) return topology.generation > kept.generation;
  return topology.step > kept.step;
}
