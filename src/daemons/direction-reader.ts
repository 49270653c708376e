import { ancestorDirection, type Direction, generationReported } from '../core/direction.ts';
import type { Allowed } from '../core/view.ts';
import type { Hub, Log, Memory } from '../ports.ts';

/** Reads from Redis where the clients of one cluster belong. */
export interface DirectionReader {
  /**
   * The topology; while there has never been one, what the ancestor's keys say. Null when nobody says anything
   * that may be followed: then the last good state is kept. Rejects with HubError.
   */
  read(): Promise<Direction | null>;
}

export function createDirectionReader(options: {
  /** Of this sidecar: its own report of an earlier life is no witness. */
  readonly id: string;
  readonly allowed: Allowed;
  readonly hub: Hub;
  readonly memory: Memory;
  readonly log: Log;
}): DirectionReader {
  const { id, allowed, hub, memory, log } = options;
  const { uniqsign } = allowed;
  let decided = false;
  let said = '';
  let last: Direction | null = null;

  /** Each sentence once, and again after another one. */
  function say(text: string, fields: object = {}): void {
    if (text !== said) log.warn(fields, text);
    said = text;
  }

  async function readAncestor(): Promise<Direction | null> {
    const state = await hub.read(uniqsign);
    if (state.topology !== null) return state.topology;
    if (state.topologyStored) {
      // Whoever wrote it decides, even if it cannot be understood here.
      decided = true;
      const { complaints } = state;
      say('the topology cannot be understood: is a newer version at work? The last good state is kept', {
        complaints,
      });
      return null;
    }
    const generation = generationReported({
      ...state,
      sidecars: state.sidecars.filter((report) => report.id !== id),
    });
    if (generation > 0) {
      say('there is no topology, but others have seen one: waiting for mmm-identify', { generation });
      return null;
    }
    const next = ancestorDirection(allowed, state.legacy, last?.step ?? 1);
    if (next === null) return null;
    say('follows the Perl mmm-identify: there is no topology, so nobody is cut before a switch');
    if (last !== null && !isSame(last, next)) return { ...next, step: last.step + 1 };
    return next;
  }

  return {
    async read() {
      const topology = await hub.readTopology(uniqsign);
      decided ||= topology !== null || memory.floor(uniqsign) > 0;
      if (topology !== null) {
        said = '';
        return topology;
      }
      if (decided) {
        say('the topology is gone from redis: the last good state is kept until mmm-identify is back');
        return null;
      }
      const found = await readAncestor();
      decided ||= found !== null && found.generation > 0;
      last = found ?? last;
      return found;
    },
  };
}

function isSame(a: Direction, b: Direction): boolean {
  return a.writer === b.writer && JSON.stringify(a.members) === JSON.stringify(b.members);
}
