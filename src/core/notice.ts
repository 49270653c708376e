/**
 * Of what a person must hear without asking: a change of writer, a halt, a divergence.
 *
 * What was told before and the topology now say what is due. The events fill in what happened in between: a
 * change that came and went while nobody looked is told too. One notice per change of writer; one per halt,
 * however often it is tried again before somebody takes writes; one per member while it stays diverged. A
 * cluster seen for the first time is taken as it is.
 */
import { isAddress } from './address.ts';
import { Kind, Proof, type Topology } from './model.ts';
import { type Chapter, epochMs, type TimedEvent, timeline } from './timeline.ts';

/** What a person knows already. */
export interface Told {
  /** Highest generation whose writer is known. */
  readonly generation: number;
  readonly writer: string | null;
  /** That nobody takes writes was told, and nobody has taken them since. */
  readonly halted: boolean;
  readonly diverged: readonly string[];
}

/** How a handover ended: somebody takes writes (`stable`), or nobody (`halted`). */
export interface Turn {
  readonly generation: number;
  readonly phase: 'stable' | 'halted';
  readonly kind: Kind;
  readonly from: string | null;
  /** Who takes writes; when halted, who was to. */
  readonly to: string | null;
  readonly proof: Proof | null;
  readonly reason: string;
  /** In words; empty when none. */
  readonly loss: string;
  /** By Redis' clock; null when no event tells it. */
  readonly atEpochMs: number | null;
  /** From closing the old writer to the new one being open; null when unknown. */
  readonly pauseMs: number | null;
}

export type Notice =
  | { readonly what: 'changed'; readonly turn: Turn; readonly writer: string; readonly before: string }
  | { readonly what: 'halted'; readonly turn: Turn; readonly before: string | null }
  | {
      readonly what: 'diverged';
      readonly generation: number;
      readonly address: string;
      readonly writer: string | null;
      readonly count: number;
      /** It lost these of its own; else it holds these too many. */
      readonly lost?: true;
      readonly list: string;
      /** The failover that lost these; absent: none did. */
      readonly lostBy?: number;
      readonly atEpochMs: number | null;
    };

/** Everything is known from here on: nothing of it is told. */
export function adopt(t: Topology): Told {
  return {
    generation: t.phase === 'stable' ? t.generation : t.generation - 1,
    writer: t.writer ?? writerBefore(t),
    halted: t.phase === 'halted',
    diverged: divergedMembers(t),
  };
}

/** Whether `due` may find anything: then the events are worth reading. Never in the middle of a handover. */
export function mayBeDue(told: Told, t: Topology): boolean {
  if (t.generation < told.generation || (t.phase !== 'stable' && t.phase !== 'halted')) return false;
  return t.generation > told.generation || divergedMembers(t).join() !== told.diverged.join();
}

/** The notices that are due, oldest first, and what is told once they are. `events`: newest last. */
export function due(
  told: Told,
  t: Topology,
  events: readonly TimedEvent[],
): { readonly told: Told; readonly notices: readonly Notice[] } {
  if (!mayBeDue(told, t)) return { told, notices: [] };
  const notices: Notice[] = [];
  let known = told;
  for (const turn of [...turnsIn(events, t), turnNow(t)]) {
    const next = take(known, turn);
    if (next.notice !== null) notices.push(next.notice);
    known = next.told;
  }
  for (const address of divergedMembers(t)) {
    if (!known.diverged.includes(address)) notices.push(divergence(t, address, events));
  }
  return { told: { ...known, diverged: divergedMembers(t) }, notices };
}

function take(told: Told, turn: Turn): { readonly told: Told; readonly notice: Notice | null } {
  if (turn.generation <= told.generation) return { told, notice: null };
  const before = told.writer;
  if (turn.phase === 'halted') {
    const notice: Notice = { what: 'halted', turn, before };
    return { told: { ...told, halted: true }, notice: told.halted ? null : notice };
  }
  const writer = turn.to;
  // A writer is not diverged: should it become so again, that is news.
  const diverged = told.diverged.filter((address) => address !== writer);
  const isChange = before !== null && writer !== null && writer !== before;
  return {
    told: { generation: turn.generation, writer: writer ?? before, halted: false, diverged },
    notice: isChange ? { what: 'changed', turn, writer, before } : null,
  };
}

/** Who took writes before an unfinished handover. */
function writerBefore(t: Topology): string | null {
  if (t.kind === 'bootstrap') return null;
  return t.kind === 'failover' || t.kind === 'switchover' ? t.from : t.to;
}

function divergedMembers(t: Topology): readonly string[] {
  return t.members.filter(({ state }) => state === 'diverged').map(({ address }) => address);
}

function turnsIn(events: readonly TimedEvent[], t: Topology): readonly Turn[] {
  return timeline(events)
    .filter(({ generation }) => generation <= t.generation)
    .flatMap(turnsOf)
    .map((turn) => withLoss(turn, events));
}

/** The news may be told when the old writer is back already. */
function withLoss(turn: Turn, events: readonly TimedEvent[]): Turn {
  const known = events.findLast(({ kind, generation }) => kind === 'loss' && generation === turn.generation);
  return known === undefined || turn.phase !== 'stable' ? turn : { ...turn, loss: known.loss };
}

/** The stream is text that anybody may have written: what is no event of a handover is left out. */
function turnsOf({ events, handoverMs }: Chapter): readonly Turn[] {
  return events.flatMap(({ event }) => {
    const { phase, generation, reason, loss } = event;
    const kind = Kind.safeParse(event.kind).data;
    if (kind === undefined || (phase !== 'stable' && phase !== 'halted')) return [];
    const to = address(event.to);
    if (phase === 'stable' && to === null) return [];
    const pauseMs = phase === 'stable' ? handoverMs : null;
    const proof = Proof.safeParse(event.proof).data ?? null;
    const atEpochMs = epochMs(event.at) || null;
    return [
      { generation, phase, kind, from: address(event.from), to, proof, reason, loss, atEpochMs, pauseMs },
    ];
  });
}

/** The topology itself: for the case that its event is not there. */
function turnNow(t: Topology): Turn {
  const { generation, kind, from, proof, reason } = t;
  const phase = t.phase === 'stable' ? 'stable' : 'halted';
  const to = t.writer ?? t.to;
  return { generation, phase, kind, from, to, proof, reason, loss: '', atEpochMs: null, pauseMs: null };
}

function divergence(t: Topology, address: string, events: readonly TimedEvent[]): Notice {
  const extra = t.members.find((member) => member.address === address)?.extra;
  const event = events.findLast(({ kind, from }) => kind === 'diverged' && from === address);
  // Told together with it, and of the same transactions.
  const loss = events.findLast(
    (one) => one.kind === 'loss' && one.from === address && one.loss === event?.loss,
  );
  return {
    what: 'diverged',
    generation: t.generation,
    address,
    writer: t.writer,
    count: extra?.count ?? 0,
    ...(extra?.lost === true && { lost: true as const }),
    list: extra?.list ?? '',
    ...(loss === undefined ? {} : { lostBy: loss.generation }),
    atEpochMs: event === undefined ? null : epochMs(event.at) || null,
  };
}

function address(text: string): string | null {
  return isAddress(text) ? text : null;
}
