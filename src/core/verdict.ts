/**
 * How a cluster is, in the order of a monitoring plugin:
 * critical: nobody may write for longer than the write pause budget, or two accept writes;
 * unknown: there is nothing to judge by;
 * degraded: it works, with a dead, diverged, not replicating or unattended member, on stale facts, with a
 * sidecar that does not get its routing right, or in the middle of a handover;
 * ok: none of these.
 */
import { undecidedVerdict } from './ancestor-verdict.ts';
import { misfit } from './history.ts';
import { whyNobodyLeads } from './leading.ts';
import { because, checkTrouble, isFresh, twoWriters } from './member-trouble.ts';
import { isSound } from './members.ts';
import type { MemberStatus, StatusInput } from './status.ts';
import { whyNotReplaced } from './unreplaced.ts';
import { waitingFor } from './waiting.ts';

export type Health = 'ok' | 'degraded' | 'critical' | 'unknown';

export interface Verdict {
  readonly health: Health;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}

export function judge(input: StatusInput, members: readonly MemberStatus[]): Verdict {
  const notes = [...remarks(input), ...input.complaints];
  if (input.topology === null) {
    const { note, ...verdict } = undecidedVerdict(input, members);
    return { ...verdict, notes: [...(note === null ? [] : [note]), ...notes] };
  }
  const two = twoWriters(members);
  const critical = [two, noWriter(input, members)].filter((reason) => reason !== null);
  const under = handover(input);
  const isTold = under !== null && critical.some((reason) => reason.includes(under));
  const degraded = [
    whyNobodyLeads(input.leader),
    isTold ? null : under,
    ...waitingFor(input),
    ...rival(input),
    ...deadFirst(members).flatMap((member) => illness(input, member, members)),
    ...input.sidecars.flatMap(sidecarTrouble),
  ].filter((reason) => reason !== null && !critical.includes(reason));
  const health = critical.length > 0 ? 'critical' : degraded.length > 0 ? 'degraded' : 'ok';
  return { health, reasons: [...critical, ...degraded.filter((reason) => reason !== null)], notes };
}

/** The exit code that stands for all of them: the worst in the order critical, unknown, degraded, ok. */
export function exitCode(all: readonly Health[]): number {
  if (all.includes('critical')) return 2;
  if (all.includes('unknown') || all.length === 0) return 3;
  return all.includes('degraded') ? 1 : 0;
}

function noWriter(input: StatusInput, members: readonly MemberStatus[]): string | null {
  const { topology } = input;
  if (topology === null) return null;
  if (topology.phase === 'halted') return `nobody may write: ${topology.reason}`;
  if (topology.writer === null) {
    const ms = pauseMs(input);
    return ms <= input.writePauseMs ? null : `nobody may write for ${duration(ms)}: ${handover(input)}`;
  }
  const writer = members.find(({ address }) => address === topology.writer);
  if (writer === undefined || !isFresh(writer)) return null;
  if (writer.ping === 0) return deadWriter(input, writer);
  if (writer.read_only !== 1 || wasOpened(input, writer.address)) return null;
  return `the writer ${writer.address} is read-only`;
}

/** The monitor's look may be older than the opening: the agent's word at this generation is newer. */
function wasOpened({ topology, agents }: StatusInput, address: string): boolean {
  return agents.some(({ members }) => {
    const word = members[address];
    return word?.did === 'opened' && word.generation === topology?.generation;
  });
}

/** A writer that cannot be looked at is alive; a dead one has the write pause budget to be replaced. */
function deadWriter(input: StatusInput, { address }: MemberStatus): string | null {
  const probes = input.facts.flatMap(({ members }) => members[address] ?? []);
  if (probes.some(({ status }) => status === 'up' || status === 'faulty')) return null;
  const known = probes.map(({ forMs }) => forMs);
  const forMs = known.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...known);
  if (forMs <= input.writePauseMs) return null;
  const why = input.topology === null ? '' : whyNotReplaced(input, input.topology, address);
  return `the writer ${address} is dead${because(address, probes)}${why === '' ? '' : `; ${why}`}`;
}

function handover(input: StatusInput): string | null {
  const { topology } = input;
  if (topology === null || topology.phase === 'stable' || topology.phase === 'halted') return null;
  const { kind, phase, from, to, generation } = topology;
  const way = [from === null ? '' : `from ${from}`, to === null ? '' : `to ${to}`].filter(
    (part) => part !== '',
  );
  return `${[kind, ...way].join(' ')} is ${phase} (generation ${generation})`;
}

/** Without its event nobody knows how long it takes already: too long. */
function pauseMs(input: StatusInput): number {
  const since = input.noWriterSinceEpochMs;
  return since === null ? Number.POSITIVE_INFINITY : Math.max(0, input.nowEpochMs - since);
}

/** The keys change with the topology or not at all: whoever else writes them decides too. */
function rival({ topology, legacy: { masterHost } }: StatusInput): string[] {
  if (topology?.phase !== 'stable' || masterHost === null || masterHost === topology.writer) return [];
  return [`somebody wrote ${masterHost} into the ancestor's keys: is a Perl mmm-identify still running?`];
}

/** What one dead server brings about comes behind it. */
function deadFirst(members: readonly MemberStatus[]): readonly MemberStatus[] {
  return [...members.filter(isDead), ...members.filter((member) => !isDead(member))];
}

function isDead(member: MemberStatus): boolean {
  return member.ping === 0 && isFresh(member);
}

function sidecarTrouble({ id, did, detail }: StatusInput['sidecars'][number]): readonly string[] {
  if (did === 'failed') return [`sidecar ${id} failed: ${detail}`];
  return did === 'routed' && detail !== '' ? [`sidecar ${id}: ${detail}`] : [];
}

function illness(input: StatusInput, member: MemberStatus, all: readonly MemberStatus[]): string[] {
  const { address, state } = member;
  // Somebody works on it, and knows what is missing.
  if (state === 'maintenance') return [];
  // Nobody replicates from a dead server.
  const isAlone = all.every((other) => other === member || isDead(other));
  const found = isAlone && !isDead(member) && isFresh(member) ? [] : checkTrouble(input.facts, member);
  if (state === 'diverged') {
    found.push(`${address} is diverged: ${misfit(member.extra ?? { count: 2 }, 'the writer')}`);
  } else if (
    state !== 'online' &&
    input.topology?.writer !== null &&
    !(state === 'offline' && isDead(member))
  ) {
    found.push(`${address} is ${state}`);
  }
  if (!input.agents.some(({ serves }) => serves.includes(address))) {
    found.push(`nobody attends ${address}: is mmm-agent running?`);
  }
  found.push(...input.agents.flatMap(({ members }) => members[address]?.accounts || []));
  return found;
}

function remarks(input: StatusInput): string[] {
  const { topology, sidecars } = input;
  const silent = (topology?.sidecars ?? []).filter((id) => !sidecars.some((report) => report.id === id));
  const found = silent.map(
    (id) =>
      `sidecar ${id} is registered but does not report; if it is gone for good: mmm-control forget ${id}`,
  );
  if (topology?.paused) {
    const { by, untilMs } = topology.paused;
    found.push(`no automatic failover: paused by ${by}${stillFor(input, untilMs, 'resume')}`);
  }
  for (const { address, maintenance } of topology?.members ?? []) {
    if (maintenance === undefined) continue;
    const { by, untilMs } = maintenance;
    found.push(
      `${address} is in maintenance by ${by}${stillFor(input, untilMs, 'set_online')}: nobody fails over to it`,
    );
  }
  // Once the old writer is seen closed and compared, the doubt is over.
  const old = topology?.members.find(({ address }) => address === topology.from);
  const isSettled = old !== undefined && (isSound(old) || ['recovering', 'diverged'].includes(old.state));
  const proof = topology?.proof;
  if (!isSettled && (proof === 'b-weak' || proof === 'e' || proof === 'f' || proof === 'operator')) {
    found.push(`the last handover rests on proof (${proof}): ${WEAK[proof]}`);
  }
  return [...found, ...failbackDue(input)];
}

/** So that nobody wonders why the writer moves once more. */
function failbackDue({ topology: t, masters: [primary] }: StatusInput): readonly string[] {
  if (t?.phase !== 'stable' || !t.failedOver || primary === undefined || t.writer === primary) return [];
  const { failback, autoSetOnlineMs } = t.policy;
  if (failback !== 'auto' || autoSetOnlineMs === 0) return [];
  return [
    `${primary} gets its role back once it has been online for ${autoSetOnlineMs / 1000} s (failback=auto)`,
  ];
}

const WEAK = {
  'b-weak': 'the old writer was down but is not known to start read-only',
  e: 'the sidecars cut the old writer off, which may still be open',
  f: 'the old writer was silent, it may still be open',
  operator: 'a person vouched that the old writer is off',
} as const;

/** Both times are of the clock of Redis. */
function stillFor({ redisNowMs }: StatusInput, untilMs: number | null, verb: string): string {
  if (untilMs === null) return ` until ${verb}`;
  const seconds = Math.max(0, Math.round((untilMs - redisNowMs) / 1000));
  return seconds < 120 ? ` for another ${seconds} s` : ` for another ${Math.round(seconds / 60)} min`;
}

function duration(ms: number): string {
  return Number.isFinite(ms) ? `${Math.round(ms / 1000)} s` : 'an unknown time';
}
