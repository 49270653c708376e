/**
 * No topology yet, or none that can be trusted (Redis came back empty or older).
 *
 * What the servers say is adopted as it is; nothing is opened whose peer holds transactions it lacks, and
 * a read-only server that is alone is opened by nobody but the operator: the one that is away may hold more.
 * The new generation is above every floor, so no agent and no sidecar takes it for an old one.
 */

import { healthOf } from '../gates.ts';
import { isContained } from '../history.ts';
import type { Member, Topology } from '../model.ts';
import {
  begin,
  type Change,
  event,
  keep,
  type Outcome,
  passiveOf,
  type Rule,
  withWriter,
} from '../outcome.ts';
import type { Situation } from '../situation.ts';

/** Time for agents and sidecars to report twice, so that floors are known. */
const SETTLE_MS = 2200;

export const bootstrapRules: readonly Rule[] = [
  { name: 'wait for first reports', decide: waitForReports },
  { name: 'adopt the only writable member', decide: adoptWritable },
  { name: 'close all writable members but one', decide: chooseAmongWritable },
  { name: 'open the member that holds everything', decide: openMostComplete },
];

function waitForReports(s: Situation): Outcome | null {
  if (s.topology !== null) return null;
  const unseen = s.cluster.masters.filter((a) => healthOf(s, a).status === 'unknown');
  if (unseen.length > 0) return { says: `waiting for a monitor's report on ${unseen.join(' and ')}` };
  if (s.watchedMs < SETTLE_MS) return { says: 'waiting for agents and sidecars to report' };
  return null;
}

function adoptWritable(s: Situation): Outcome | null {
  if (s.topology !== null) return null;
  const [writer, ...others] = writable(s);
  if (writer === undefined || others.length > 0) return null;
  const reason =
    s.floor > 0 ? 'topology lost: adopted the only writable member' : 'adopted the only writable member';
  const next: Topology = {
    ...blank(s, 'bootstrap', reason),
    generation: s.floor + 1,
    phase: 'stable',
    to: writer,
    writer,
    members: withWriter(membersOf(s), writer),
    // One that is away may come back with more than the writer has.
    parked: s.cluster.masters
      .filter((a) => healthOf(s, a).look === null)
      .map((from) => ({ on: writer, from })),
  };
  return { says: `${writer} takes writes: ${reason}`, change: tellStable(s, next) };
}

function chooseAmongWritable(s: Situation): Outcome | null {
  if (s.topology !== null) return null;
  const open = writable(s);
  if (open.length < 2) return null;
  const kept = open.reduce((best, a) => (clients(s, a) > clients(s, best) ? a : best));
  const reason = `${open.join(' and ')} were both writable: ${kept} has most sessions and is kept`;
  return {
    says: reason,
    alarm: true,
    change: begin(s, blank(s, 'bootstrap', reason), { kind: 'bootstrap', from: null, to: kept, reason }),
  };
}

function openMostComplete(s: Situation): Outcome | null {
  if (s.topology !== null) return null;
  const away = s.cluster.masters.filter((a) => healthOf(s, a).look === null);
  if (away.length > 0) {
    return {
      says: `no member is writable and ${away.join(' and ')} cannot be read: waiting, because it may hold more`,
      alarm: true,
    };
  }
  const complete = s.cluster.masters.find((a) => s.cluster.masters.every((b) => holdsAllOf(s, a, b)));
  if (complete === undefined) {
    return { says: 'each member holds transactions the other lacks: a person must decide', alarm: true };
  }
  const reason = `no member was writable: ${complete} holds everything`;
  return {
    says: reason,
    change: begin(s, blank(s, 'bootstrap', reason), { kind: 'bootstrap', from: null, to: complete, reason }),
  };
}

/** `next` is stable: everybody is told, once, unless the ancestor's keys already say the same. */
function tellStable(s: Situation, next: Topology): Change {
  const writer = next.writer ?? '';
  return {
    ...keep(next),
    events: [event(next, { took: 0 })],
    legacy: { active: writer, passive: passiveOf(next, writer) },
    announce: s.legacyWriter !== writer,
  };
}

function blank(s: Situation, kind: Topology['kind'], reason: string): Topology {
  const registered = s.sidecars
    .filter(({ report }) => !report.leaving && report.serves.length > 0)
    .map(({ report }) => report.id);
  return {
    v: 1,
    uniqsign: s.cluster.uniqsign,
    tag: s.cluster.tag,
    generation: s.floor,
    step: 0,
    phase: 'halted',
    kind,
    reason,
    from: null,
    to: null,
    writer: null,
    members: membersOf(s),
    parked: [],
    proof: null,
    position: null,
    sidecars: registered,
    routedBySidecars: registered.length > 0,
    paused: null,
    incarnation: s.incarnation,
    request: null,
    policy: s.cluster.policy,
  };
}

function membersOf(s: Situation): Member[] {
  return s.cluster.masters.map((address) => ({ address, role: 'standby', kind: 'master', state: 'unknown' }));
}

function writable(s: Situation): readonly string[] {
  return s.cluster.masters.filter((a) => healthOf(s, a).look?.readOnly === false);
}

function clients(s: Situation, address: string): number {
  return healthOf(s, address).look?.clients ?? 0;
}

function holdsAllOf(s: Situation, a: string, b: string): boolean {
  const mine = healthOf(s, a).look;
  const theirs = healthOf(s, b).look;
  return mine !== null && theirs !== null && isContained(theirs.history, mine.history);
}
