/**
 * What identify remembers from one reading of Redis to the next: its own stopwatches, nothing else.
 *
 * A report counts as fresh from the moment we saw its sequence number move. A fresh identify therefore
 * watches one report interval before it believes anybody, and no two machines' clocks are compared.
 */
import { obstacles } from './history.ts';
import type { AgentReport, Facts, Look, Request, SidecarReport, Topology } from './model.ts';
import { type Since, since } from './since.ts';
import {
  type AgentWord,
  type Cluster,
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
}

export interface Watch {
  readonly watchedSince: number;
  /** Last movement of each report's sequence number; null until it has moved before our eyes. */
  readonly moved: ReadonlyMap<string, { readonly seq: number; readonly ms: number | null }>;
  readonly phase: Since<string>;
  readonly lastLook: ReadonlyMap<string, Look>;
  readonly broken: ReadonlyMap<string, number>;
  readonly extra: ReadonlyMap<string, Since<string>>;
  readonly standing: Standing;
  readonly floor: number;
}

/** Takes in a reading. `floor`: the highest generation stored on disk. */
export function observe(
  previous: Watch | null,
  reading: Reading,
  options: { readonly cluster: Cluster; readonly floor: number; readonly nowMs: number },
): { readonly watch: Watch; readonly situation: Situation } {
  const { cluster, nowMs } = options;
  const moved = movements(previous, reading, nowMs);
  const floor = highest(previous, reading, options.floor);
  const topology =
    reading.topology !== null && reading.topology.generation >= floor ? reading.topology : null;
  const hadTopology = previous !== null && !previous.phase.what.startsWith('none');
  const phase = since(
    previous?.phase,
    topology === null ? 'none' : `${topology.generation} ${topology.phase}`,
    nowMs,
  );
  const fresh = reading.facts.filter((f) => age(moved, `facts-${f.id}`, nowMs) <= factsFreshMs(cluster));
  const health = new Map(cluster.masters.map((a) => [a, foldHealth(a, fresh)]));
  const agents = words(reading.agents, moved, nowMs);
  const lastLook = looks(previous, health, agents);
  const writer = topology?.writer ?? null;
  const watch: Watch = {
    watchedSince: previous === null || (hadTopology && topology === null) ? nowMs : previous.watchedSince,
    moved,
    phase,
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
    };
  }
}

function movements(previous: Watch | null, reading: Reading, nowMs: number): Watch['moved'] {
  const moved = new Map<string, { seq: number; ms: number | null }>();
  const note = (key: string, seq: number): void => {
    const before = previous?.moved.get(key);
    // First sight of a report that appears while we watch is movement too; at our own start it may be old.
    const ms =
      before === undefined ? (previous === null ? null : nowMs) : before.seq === seq ? before.ms : nowMs;
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
    ...reading.agents.map((a) => a.floor),
    ...reading.sidecars.map((s) => s.floor),
  );
}

/** Of several agents that serve a member, the one whose word is newest. */
function words(
  agents: readonly AgentReport[],
  moved: Watch['moved'],
  nowMs: number,
): ReadonlyMap<string, AgentWord> {
  const found = new Map<string, AgentWord>();
  for (const agent of agents) {
    const ageMs = age(moved, `agent-${agent.id}`, nowMs);
    if (ageMs > FRESH_MS) continue;
    for (const [address, report] of Object.entries(agent.members)) {
      const other = found.get(address);
      const newer = report.generation - (other?.report.generation ?? -1);
      if (other === undefined || newer > 0 || (newer === 0 && ageMs < other.ageMs)) {
        found.set(address, { agent: agent.id, report, blocks: agent.blocks, ageMs });
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
