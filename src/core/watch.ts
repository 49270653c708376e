/**
 * What identify remembers from one reading of Redis to the next: its own stopwatches, nothing else.
 *
 * A report counts as fresh from the moment we saw its sequence number move. A fresh identify therefore
 * watches one report interval before it believes anybody, and no two machines' clocks are compared. After a break
 * (Redis was away, another Redis answers, we have just taken the lead) every stopwatch that somebody's right to
 * write hangs on starts anew: what stood still may only have been out of our sight.
 */
import { obstacles } from './history.ts';
import type {
  AgentReport,
  Facts,
  Lease,
  Look,
  MemberReport,
  Request,
  SidecarReport,
  Topology,
} from './model.ts';
import { type Since, since } from './since.ts';
import {
  type AgentWord,
  type Cluster,
  type FenceRun,
  FRESH_MS,
  foldHealth,
  type Health,
  linkFrom,
  type Situation,
} from './situation.ts';
import { type Standing, standingOf } from './standing.ts';

/** What one reading of Redis brought. */
export interface Reading {
  readonly topology: Topology | null;
  readonly facts: readonly Facts[];
  readonly agents: readonly AgentReport[];
  readonly sidecars: readonly SidecarReport[];
  readonly requests: readonly Request[];
  readonly legacyWriter: string | null;
  readonly incarnation: string;
  readonly lease: Lease | null;
  readonly redisNowMs: number;
}

export interface Watch {
  /** The last reading. */
  readonly readMs: number;
  readonly incarnation: string;
  readonly watchedSince: number;
  /** Last movement of each report's sequence number; null until it has moved before our eyes. */
  readonly moved: ReadonlyMap<string, { readonly seq: number; readonly ms: number | null }>;
  readonly phase: Since<string>;
  /** The lease as it last changed. */
  readonly lease: Since<string>;
  /** What an agent's look last heard of each link. */
  readonly heard: ReadonlyMap<string, Since<string>>;
  /** The newest topology ever read: it outlives a Redis that was emptied. */
  readonly lastTopology: Topology | null;
  readonly lastLook: ReadonlyMap<string, Look>;
  readonly broken: ReadonlyMap<string, number>;
  readonly extra: ReadonlyMap<string, Since<string>>;
  readonly standing: Standing;
  readonly floor: number;
}

/** A longer gap in our own readings may hide anything. */
const GAP_MS = 1000;

export interface Observing {
  readonly cluster: Cluster;
  /** The highest generation stored on disk. */
  readonly floor: number;
  readonly nowMs: number;
  /** The last run of `fence_cmd` by this identify. */
  readonly fence?: FenceRun | null;
  /** We have just taken the lead. */
  readonly isNewLeader?: boolean;
}

/** Takes in a reading. */
export function observe(
  previous: Watch | null,
  reading: Reading,
  options: Observing,
): { readonly watch: Watch; readonly situation: Situation } {
  const { cluster, nowMs } = options;
  const isAnew = isBreak(previous, reading, options);
  const moved = movements(previous, reading, nowMs, isAnew);
  const floor = highest(previous, reading, options.floor);
  const topology =
    reading.topology !== null && reading.topology.generation >= floor ? reading.topology : null;
  const hadTopology = previous !== null && !previous.phase.what.startsWith('none');
  const phase = since(
    isAnew ? undefined : previous?.phase,
    topology === null ? 'none' : `${topology.generation} ${topology.phase}`,
    nowMs,
  );
  const fresh = reading.facts.filter((f) => age(moved, `facts-${f.id}`, nowMs) <= factsFreshMs(cluster));
  const health = new Map(cluster.masters.map((a) => [a, foldHealth(a, fresh)]));
  const heard = heardSince(previous, reading.agents, nowMs);
  const agents = words(reading.agents, moved, heard, nowMs);
  const lastLook = looks(previous, health, agents);
  const writer = topology?.writer ?? null;
  const watch: Watch = {
    readMs: nowMs,
    incarnation: reading.incarnation,
    watchedSince:
      previous === null || isAnew || (hadTopology && topology === null) ? nowMs : previous.watchedSince,
    moved,
    phase,
    lease: since(isAnew ? undefined : previous?.lease, leaseText(reading.lease), nowMs),
    heard,
    lastTopology: topology ?? previous?.lastTopology ?? null,
    lastLook,
    broken: brokenSince(previous, health, writer, nowMs),
    extra: extraSince(previous, health, writer, nowMs),
    standing: standingOf(previous?.standing ?? null, { topology, health, cluster, nowMs }),
    floor,
  };
  return { watch, situation: situationOf() };

  function situationOf(): Situation {
    return {
      cluster,
      topology,
      floor,
      watchedMs: nowMs - watch.watchedSince,
      phaseMs: nowMs - phase.ms,
      health,
      lastLook,
      brokenMs: new Map([...watch.broken].map(([a, ms]) => [a, nowMs - ms])),
      extraMs: new Map([...watch.extra].map(([a, e]) => [a, nowMs - e.ms])),
      onlineMs: new Map([...watch.standing.online].map(([a, o]) => [a, nowMs - o.ms])),
      outages: new Map([...watch.standing.outages].map(([a, times]) => [a, times.length])),
      agents,
      sidecars: reading.sidecars.map((report) => ({
        report,
        ageMs: age(moved, `sidecar-${report.id}`, nowMs),
      })),
      requests: reading.requests,
      legacyWriter: reading.legacyWriter,
      incarnation: reading.incarnation,
      lease: reading.lease,
      leaseStillMs: reading.lease === null ? 0 : nowMs - watch.lease.ms,
      fence: options.fence ?? null,
      redisNowMs: reading.redisNowMs,
      lastTopology: watch.lastTopology,
    };
  }
}

function isBreak(previous: Watch | null, reading: Reading, options: Observing): boolean {
  if (previous === null) return false;
  const isGap = options.nowMs - previous.readMs > GAP_MS;
  return isGap || reading.incarnation !== previous.incarnation || options.isNewLeader === true;
}

/** Changes with each renewal. */
function leaseText(lease: Lease | null): string {
  if (lease === null) return '';
  const { incarnation, holder, generation, agent, counter } = lease;
  return [incarnation, holder, generation, agent, counter].join(' ');
}

function movements(previous: Watch | null, reading: Reading, nowMs: number, isAnew: boolean): Watch['moved'] {
  const moved = new Map<string, { seq: number; ms: number | null }>();
  const note = (key: string, seq: number): void => {
    const before = previous?.moved.get(key);
    // First sight of a report that appears while we watch is movement too; at our own start it may be old.
    const isOld = previous === null || isAnew;
    const ms = isOld ? null : before === undefined || before.seq !== seq ? nowMs : before.ms;
    moved.set(key, { seq, ms });
  };
  for (const f of reading.facts) note(`facts-${f.id}`, f.seq);
  for (const a of reading.agents) note(`agent-${a.id}`, a.seq);
  for (const s of reading.sidecars) note(`sidecar-${s.id}`, s.seq);
  return moved;
}

function age(moved: Watch['moved'], key: string, nowMs: number): number {
  const ms = moved.get(key)?.ms;
  return ms === undefined || ms === null ? Number.POSITIVE_INFINITY : nowMs - ms;
}

function factsFreshMs(cluster: Cluster): number {
  return Math.max(FRESH_MS, 10 * cluster.policy.probeIntervalMs);
}

function highest(previous: Watch | null, reading: Reading, stored: number): number {
  return Math.max(
    stored,
    previous?.floor ?? 0,
    reading.topology?.generation ?? 0,
    reading.lease?.generation ?? 0,
    ...reading.agents.map((a) => a.floor),
    ...reading.sidecars.map((s) => s.floor),
  );
}

/** Of several agents that serve a member, the one beside it, else the one whose word is newest. */
function words(
  agents: readonly AgentReport[],
  moved: Watch['moved'],
  heard: Watch['heard'],
  nowMs: number,
): ReadonlyMap<string, AgentWord> {
  const found = new Map<string, AgentWord>();
  for (const agent of agents) {
    const ageMs = age(moved, `agent-${agent.id}`, nowMs);
    if (ageMs > FRESH_MS) continue;
    for (const [address, report] of Object.entries(agent.members)) {
      const word: AgentWord = {
        agent: agent.id,
        report: timed(agent.id, address, report, heard, nowMs),
        blocks: agent.blocks,
        ageMs,
      };
      const other = found.get(address);
      if (other === undefined || goesBefore(word, other)) found.set(address, word);
    }
  }
  return found;
}

function goesBefore(word: AgentWord, other: AgentWord): boolean {
  if (word.report.local !== other.report.local) return word.report.local;
  const newer = word.report.generation - other.report.generation;
  return newer > 0 || (newer === 0 && word.ageMs < other.ageMs);
}

/** An agent does not time its links: how long each has been quiet is measured here. */
function timed(
  id: string,
  address: string,
  report: MemberReport,
  heard: Watch['heard'],
  nowMs: number,
): MemberReport {
  if (report.look === null) return report;
  const links = report.look.links.map((link) => ({
    ...link,
    quietMs: nowMs - (heard.get(`${id} ${address} ${link.from}`)?.ms ?? nowMs),
  }));
  return { ...report, look: { ...report.look, links } };
}

function heardSince(previous: Watch | null, agents: readonly AgentReport[], nowMs: number): Watch['heard'] {
  const found = new Map<string, Since<string>>();
  for (const { id, members } of agents) {
    for (const [address, { look }] of Object.entries(members)) {
      for (const link of look?.links ?? []) {
        const key = `${id} ${address} ${link.from}`;
        found.set(key, since(previous?.heard.get(key), link.heard, nowMs));
      }
    }
  }
  return found;
}

function looks(
  previous: Watch | null,
  health: ReadonlyMap<string, Health>,
  agents: ReadonlyMap<string, AgentWord>,
): ReadonlyMap<string, Look> {
  const known = new Map(previous?.lastLook);
  for (const [address, { look }] of health) {
    const newest = look ?? (known.has(address) ? null : (agents.get(address)?.report.look ?? null));
    if (newest !== null) known.set(address, newest);
  }
  return known;
}

function brokenSince(
  previous: Watch | null,
  health: ReadonlyMap<string, Health>,
  writer: string | null,
  nowMs: number,
): ReadonlyMap<string, number> {
  const writerLook = writer === null ? null : (health.get(writer)?.look ?? null);
  const broken = new Map<string, number>();
  if (writer === null || writerLook === null) return broken;
  for (const [address, { look }] of health) {
    if (address === writer || look === null) continue;
    const link = linkFrom(look, writer, writerLook);
    if (link?.io === 'yes' && link.sql === 'yes') continue;
    broken.set(address, previous?.broken.get(address) ?? nowMs);
  }
  return broken;
}

function extraSince(
  previous: Watch | null,
  health: ReadonlyMap<string, Health>,
  writer: string | null,
  nowMs: number,
): ReadonlyMap<string, Since<string>> {
  const writerLook = writer === null ? null : (health.get(writer)?.look ?? null);
  const found = new Map<string, Since<string>>();
  if (writer === null || writerLook === null) return found;
  for (const [address, { look }] of health) {
    if (address === writer || look === null) continue;
    const { list, count } = obstacles(look.history, writerLook.history);
    if (count > 0) found.set(address, since(previous?.extra.get(address), `${writer} ${list}`, nowMs));
  }
  return found;
}
