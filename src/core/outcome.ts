/** What a rule of `decide` can say, and how changes of the topology are put together. */
import type { Answer, Event, History, Kind, Member, Parked, Phase, Proof, Topology } from './model.ts';
import type { Situation } from './situation.ts';

/** A change of the topology: what to store, what to tell. */
export interface Change {
  readonly next: Topology;
  readonly events: readonly Event[];
  /** The ancestor's keys to be written with it; null leaves them alone. */
  readonly legacy: { readonly active: string; readonly passive: string } | null;
  /** Publish the ancestor's message: exactly once per change of writer. */
  readonly announce: boolean;
  /** The request this carries out: withdrawn meanwhile = no change. */
  readonly takes: string | null;
  readonly answers: readonly Answer[];
}

/** What a rule says. `alarm`: a person should look. */
export interface Outcome {
  readonly says: string;
  readonly alarm?: boolean;
  readonly change?: Change;
  /** Answers to requests that are refused or need no change of the topology. */
  readonly answers?: readonly Answer[];
}

/** `when`: what must be so that it speaks, for people. */
export interface Rule {
  readonly name: string;
  readonly when: string;
  readonly decide: (s: Situation) => Outcome | null;
}

/** What differs when a handover begins. `from`: to be closed. `to`: to be opened. */
export interface Handover {
  readonly kind: Kind;
  readonly from: string | null;
  readonly to: string;
  readonly reason: string;
  readonly request?: Topology['request'];
  readonly vouched?: Topology['vouched'];
}

/** Starts a handover: a new generation in phase closing. Nobody is the writer from here on. */
export function begin(s: Situation, t: Topology, handover: Handover): Change {
  const next: Topology = {
    ...t,
    generation: Math.max(t.generation, s.floor) + 1,
    step: 0,
    phase: 'closing',
    kind: handover.kind,
    reason: handover.reason,
    from: handover.from,
    to: handover.to,
    writer: null,
    proof: null,
    position: null,
    request: handover.request ?? null,
    vouched: handover.vouched ?? null,
    // What a person began goes on as such after a halt.
    asked: handover.request != null || (t.phase === 'halted' && t.asked),
    incarnation: s.incarnation,
    leaseIncarnation: '',
    heldMs: Math.max(t.heldMs, t.policy.leaseMs),
    policy: s.cluster.policy,
  };
  return { ...keep(next), events: [event(next, { took: 0 })], takes: handover.request?.id ?? null };
}

/** Starts a handover whose old writer is proven closed already: there is nothing to wait for. */
export function openAtOnce(
  s: Situation,
  t: Topology,
  handover: Handover & { readonly from: string },
  proven: { readonly proof: Proof; readonly position: History | null },
): Change {
  const { from, to, kind } = handover;
  const begun = begin(s, t, handover);
  const parked = kind === 'failover' ? parkBoth(t.parked, to, from) : t.parked;
  const next: Topology = { ...begun.next, ...proven, phase: 'opening', parked };
  return { ...begun, next, events: [...begun.events, event(next, { took: 0 })] };
}

/** The next phase of the same generation, with an event that tells how long the last one took. */
export function advance(
  s: Situation,
  t: Topology,
  phase: Phase,
  fields: Partial<Topology>,
  tell: { readonly reason?: string; readonly loss?: string } = {},
): Change {
  const next: Topology = { ...t, ...fields, phase, step: t.step + 1 };
  return { ...keep(next), events: [event(next, { took: s.phaseMs, ...tell })] };
}

/** Nobody takes writes until the facts change; whoever asked for this handover is told. */
export function halt(s: Situation, t: Topology, reason: string): Outcome {
  const change = advance(s, t, 'halted', { reason, request: null }, { reason });
  return {
    says: `halted: ${reason}`,
    alarm: true,
    change: { ...change, answers: answerTo(t, false, reason) },
  };
}

/** `next` is stable: told with the ancestor's keys, and with its message unless they name this writer already. */
export function settled(
  s: Situation,
  next: Topology,
  tell: { readonly took: number; readonly loss?: string },
): Change {
  const writer = next.writer ?? '';
  return {
    ...keep(next),
    events: [event(next, tell)],
    legacy: { active: writer, passive: passiveOf(next, writer) },
    announce: s.legacyWriter !== writer,
  };
}

/** A change within a stable generation: members' states, parked links, the register. */
export function adjust(t: Topology, fields: Partial<Topology>): Change {
  return keep({ ...t, ...fields, step: t.step + 1 });
}

/** A change with nothing told to anybody. */
export function keep(next: Topology): Change {
  return { next, events: [], legacy: null, announce: false, takes: null, answers: [] };
}

/** An event about `t` as it is after the change. */
export function event(
  t: Topology,
  tell: {
    readonly took?: number;
    readonly reason?: string;
    readonly loss?: string;
    readonly kind?: string;
    readonly from?: string;
  },
): Event {
  return {
    kind: tell.kind ?? t.kind,
    generation: t.generation,
    phase: t.phase,
    from: tell.from ?? t.from ?? '',
    to: t.to ?? '',
    proof: t.proof ?? '',
    reason: tell.reason ?? t.reason,
    loss: tell.loss ?? '',
    took: tell.took === undefined ? '' : String(Math.round(tell.took)),
    by: 'mmm-identify',
  };
}

/** An answer about the topology's own request, or null when it carries out none. */
export function answerTo(t: Topology, ok: boolean, detail: string): readonly Answer[] {
  return t.request === null ? [] : [{ v: 1, id: t.request.id, ok, detail, generation: t.generation }];
}

/** The masters of `t` but one, as the ancestor's single `passive`: the first, or the writer itself when alone. */
export function passiveOf(t: Topology, writer: string): string {
  return t.members.find((m) => m.kind === 'master' && m.address !== writer)?.address ?? writer;
}

/** `list` with these links parked too. */
export function park(list: readonly Parked[], ...links: readonly Parked[]): Parked[] {
  return [...list.filter((p) => !links.some((l) => isSameLink(p, l))), ...links];
}

/** `list` with the links between these two parked, in both directions. */
export function parkBoth(list: readonly Parked[], a: string, b: string): Parked[] {
  return park(list, { on: a, from: b }, { on: b, from: a });
}

/** `list` without the links between these two. */
export function unpark(list: readonly Parked[], a: string, b: string): Parked[] {
  return list.filter((p) => !isSameLink(p, { on: a, from: b }) && !isSameLink(p, { on: b, from: a }));
}

/** Roles follow from who writes. */
export function withWriter(members: readonly Member[], writer: string): Member[] {
  return members.map((m) => {
    if (m.address !== writer) return { ...m, role: 'standby' };
    const { extra: _, ...rest } = m;
    return { ...rest, role: 'writer', state: 'online' };
  });
}

function isSameLink(a: Parked, b: Parked): boolean {
  return a.on === b.on && a.from === b.from;
}
