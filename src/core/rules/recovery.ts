/**
 * Redis was restarted, emptied, or came back with older data. Nobody is opened by a decision that another Redis process
 * has kept: it is confirmed first, or made anew. A writer that went on all the while is never closed for it.
 */
import { isRisk } from '../gates.ts';
import { finalIncarnation } from '../held-lease.ts';
import type { Topology } from '../model.ts';
import {
  adjust,
  begin,
  type Change,
  type Handover,
  type Outcome,
  openAtOnce,
  type Rule,
  settled,
  withWriter,
} from '../outcome.ts';
import type { Situation } from '../situation.ts';
import { deathOf, healthOf, lookAt } from '../witness.ts';
import { blank, SETTLE_MS } from './bootstrap.ts';

/** Where the topology is lost, before anything else is thought of. */
export const lostRules: readonly Rule[] = [
  {
    name: 'write the lost topology again',
    when: 'redis has lost it, and exactly one member went on as the writer of the highest generation known',
    decide: writeAgain,
  },
];

/** Where it is there, but was kept by another process. */
export const recoveryRules: readonly Rule[] = [
  {
    name: 'confirm the writer after redis was restarted',
    when: "another redis process answers, or the lease is lost, and the writer's agent says that it is open",
    decide: confirmWriter,
  },
  {
    name: 'wait for reports after redis was restarted',
    when: 'another redis process answers, and somebody may know of a later decision',
    decide: waitForReports,
  },
  {
    name: 'begin the handover anew after redis was restarted',
    when: 'another redis process answers in the middle of a handover',
    decide: beginAnew,
  },
];

function writeAgain(s: Situation): Outcome | null {
  if (s.topology !== null || s.floor === 0 || s.watchedMs < SETTLE_MS) return null;
  const { masters } = s.cluster;
  const writer = masters.find((address) => isOpenAt(s, s.floor, address));
  if (writer === undefined) return null;
  const others = masters.filter((address) => address !== writer);
  if (!others.every((address) => isClosedOrDead(s, address))) return null;
  const reason = `redis had lost the topology: ${writer} went on as the writer`;
  const next = restored(s, writer, reason);
  const change = settled(s, next, { took: 0 });
  const told = change.events.map((one) => ({ ...one, kind: 'restored', reason, from: '' }));
  return { says: reason, change: { ...change, events: told } };
}

/** As it was when this identify read it last; else with nothing known but who writes. */
function restored(s: Situation, writer: string, reason: string): Topology {
  const last = s.lastTopology;
  if (last?.generation === s.floor && last.writer === writer) {
    return { ...last, step: last.step + 1, incarnation: s.incarnation };
  }
  const empty = blank(s, 'bootstrap', reason);
  const members = withWriter(empty.members, writer);
  // One that is away may come back with more than the writer has.
  const away = s.cluster.masters.filter((a) => a !== writer && lookAt(s, a) === null);
  const parked = away.map((from) => ({ on: writer, from }));
  return { ...empty, phase: 'stable', to: writer, writer, members, parked, policy: policyOf(s, writer) };
}

/** Whoever waits for the end of its lease must mean the term that its agent goes by, not one configured since. */
function policyOf(s: Situation, writer: string): Topology['policy'] {
  const termMs = s.agents.get(writer)?.report.termMs ?? 0;
  return termMs > 0 ? { ...s.cluster.policy, leaseMs: Math.round(termMs) } : s.cluster.policy;
}

function confirmWriter(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'stable' || t.writer === null) return null;
  const { lease } = s;
  const isLeaseSound =
    lease !== null &&
    lease.holder === t.writer &&
    lease.generation === t.generation &&
    lease.incarnation === s.incarnation;
  if (!isForeign(s, t) && isLeaseSound) return null;
  if (!isOpenAt(s, t.generation, t.writer)) return null;
  const says = `${t.writer} went on as the writer while redis was away`;
  return { says, change: adjust(t, { incarnation: s.incarnation }) };
}

function waitForReports(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || !isForeign(s, t) || s.watchedMs >= SETTLE_MS) return null;
  return { says: 'redis was restarted: waiting for agents and sidecars to report' };
}

function beginAnew(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || t.to === null || !isForeign(s, t)) return null;
  if (t.phase !== 'closing' && t.phase !== 'opening') return null;
  // It was opened in time: that only has to be told.
  if (t.phase === 'opening' && isOpenAt(s, t.generation, t.to)) return null;
  const change = goOn(s, t) ?? begin(s, t, anew(t, t.to));
  const next: Topology = {
    ...change.next,
    asked: t.asked || change.next.asked,
    leaseIncarnation: finalIncarnation(s, t),
  };
  return {
    says: `redis was restarted in the middle of a ${t.kind}: it begins anew`,
    // Its request was taken when it first began.
    change: { ...change, next, takes: null },
  };
}

function anew({ kind, from, reason, request, vouched }: Topology, to: string): Handover {
  return { kind, from, to, reason, request, vouched };
}

/** What proved the old writer closed still does: since then nobody but the other one was let open. */
function goOn(s: Situation, t: Topology): Change | null {
  const { phase, from, to, proof, position } = t;
  if (phase !== 'opening' || from === null || to === null || proof === null || isRisk(proof)) return null;
  return openAtOnce(s, t, { ...anew(t, to), from }, { proof, position });
}

function isForeign(s: Situation, t: Topology): boolean {
  return t.incarnation !== s.incarnation;
}

/** Its agent says, just now, that it is open by this very generation. */
function isOpenAt(s: Situation, generation: number, address: string): boolean {
  const word = s.agents.get(address)?.report;
  return word?.did === 'opened' && word.generation === generation && word.look?.readOnly === false;
}

/** It makes no claim of its own: neither its agent nor, where there is none, a monitor sees it open. */
function isClosedOrDead(s: Situation, address: string): boolean {
  const word = s.agents.get(address)?.report;
  const look = word?.look ?? healthOf(s, address).look;
  return look === null ? deathOf(s, address) !== null : look.readOnly;
}
