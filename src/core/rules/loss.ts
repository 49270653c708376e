/** What a failover has lost: told once its old writer is back and was compared with the new one. */
import { type Extras, upTo } from '../history.ts';
import type { Event, MemberState, Topology } from '../model.ts';
import { event } from '../outcome.ts';

/** What a comparison came to. */
export interface Compared {
  readonly address: string;
  readonly state: MemberState;
  readonly extra?: Extras;
}

/** The event about it, or null while nobody knows. `next`: the topology it is told with. */
export function lossEvent(next: Topology, compared: readonly Compared[]): Event | null {
  const { unknownLoss, writer } = next;
  const back = compared.find(
    ({ address, state }) => address === unknownLoss?.from && KNOWING.includes(state),
  );
  if (unknownLoss === null || back === undefined) return null;
  const { generation, from } = unknownLoss;
  const about = `the failover of generation ${generation} from ${from}`;
  const told = { kind: 'loss', from, ...wording(about, back, writer ?? 'the writer') };
  return { ...event(next, told), generation, to: writer ?? '', proof: '' };
}

const KNOWING: readonly MemberState[] = ['recovering', 'online', 'diverged'];

function wording(about: string, { address, extra }: Compared, writer: string) {
  if (extra === undefined || extra.count === 0) {
    return {
      reason: `${about} lost nothing: ${address} is back and holds nothing that ${writer} lacks`,
      loss: 'none',
    };
  }
  // It lost the end of its own log: what else stood there is nowhere to be read.
  if (extra.lost) {
    return {
      reason: `what ${about} lost cannot be told: ${address} came back without the end of its own log`,
      loss: 'unknown',
    };
  }
  return {
    reason: `${about} lost what ${address} alone holds`,
    loss: `${upTo(extra.count)} (${extra.list})`,
  };
}
