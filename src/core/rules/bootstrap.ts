/**
 * No topology yet, or none that can be trusted (Redis came back empty or older).
 *
 * What the servers say is adopted as it is; nothing is opened whose peer holds transactions it lacks, and
 * a read-only server that is alone is opened by nobody but the operator: the one that is away may hold more.
 * The new generation is above every floor, so no agent and no sidecar takes it for an old one.
 */

import { healthOf, isRouting } from '../gates.ts';
import { isContained } from '../history.ts';
import type { Member, Topology } from '../model.ts';
import { begin, type Outcome, type Rule, settled, withWriter } from '../outcome.ts';
import type { Situation } from '../situation.ts';

/** Time for agents and sidecars to report twice, so that floors are known. */
export const SETTLE_MS = 2200;

export const bootstrapRules: readonly Rule[] = [
  {
    name: 'wait for first reports',
    when: 'monitors, agents and sidecars have not all reported yet',
    decide: waitForReports,
  },
  {
    name: 'adopt the only writable member',
    when: 'exactly one member accepts writes',
    decide: adoptWritable,
  },
  {
    name: 'close all writable members but one',
    when: 'several members accept writes',
    decide: chooseAmongWritable,
  },
  {
    name: 'open the member that holds everything',
    when: 'no member accepts writes',
    decide: openMostComplete,
  },
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
  const lost = s.floor > 0 ? 'topology lost: ' : '';
  const isNamed = s.legacyWriter === null || s.legacyWriter === writer;
  const instead = isNamed ? '' : ` instead of ${s.legacyWriter}, which the ancestor's keys name`;
  const reason = `${lost}adopted the only writable member${instead}`;
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
  return { says: `${writer} takes writes: ${reason}`, change: settled(s, next, { took: 0 }) };
}

function chooseAmongWritable(s: Situation): Outcome | null {
  if (s.topology !== null) return null;
  const open = writable(s);
  if (open.length < 2) return null;
  const kept = open.reduce((best, a) => (clients(s, a) > clients(s, best) ? a : best));
  const isTie = open.some((a) => a !== kept && clients(s, a) === clients(s, kept));
  const why = isTie ? `as many sessions as any, and is ${standing(s, kept)}` : 'most sessions';
  const reason = `${open.join(' and ')} were both writable: ${kept} has ${why}: it is kept`;
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
  const complete = preferred(s).find((a) => s.cluster.masters.every((b) => holdsAllOf(s, a, b)));
  if (complete === undefined) {
    return { says: 'each member holds transactions the other lacks: a person must decide', alarm: true };
  }
  const reason = `no member was writable: ${complete} holds everything`;
  return {
    says: reason,
    change: begin(s, blank(s, 'bootstrap', reason), { kind: 'bootstrap', from: null, to: complete, reason }),
  };
}

/** A topology in which nothing is decided yet. */
export function blank(s: Situation, kind: Topology['kind'], reason: string): Topology {
  const registered = s.sidecars.filter(({ report }) => isRouting(report)).map(({ report }) => report.id);
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
    failedOver: false,
    asked: false,
    undoneFailbacks: 0,
    paused: null,
    vouched: null,
    incarnation: s.incarnation,
    leaseIncarnation: '',
    request: null,
    heldMs: 0,
    lastFailover: null,
    unknownLoss: null,
    policy: s.cluster.policy,
  };
}

function membersOf(s: Situation): Member[] {
  return s.cluster.masters.map((address) => ({ address, role: 'standby', kind: 'master', state: 'unknown' }));
}

/** The masters, the ancestor's before primaryhost: where nothing else tells them apart, clients stay with it. */
function preferred(s: Situation): readonly string[] {
  const { masters } = s.cluster;
  return [...masters.filter((a) => a === s.legacyWriter), ...masters.filter((a) => a !== s.legacyWriter)];
}

function standing(s: Situation, address: string): string {
  return address === s.legacyWriter ? "the master in the ancestor's keys" : 'the first in the configuration';
}

function writable(s: Situation): readonly string[] {
  return preferred(s).filter((a) => healthOf(s, a).look?.readOnly === false);
}

function clients(s: Situation, address: string): number {
  return healthOf(s, address).look?.clients ?? 0;
}

function holdsAllOf(s: Situation, a: string, b: string): boolean {
  const mine = healthOf(s, a).look;
  const theirs = healthOf(s, b).look;
  return mine !== null && theirs !== null && isContained(theirs.history, mine.history);
}
