/**
 * One cluster as an operator sees it: what identify decided, what the monitors see, what agents and sidecars did.
 *
 * The members' lines come from the legacy check hashes, as the ancestor's do, so that they are the same with
 * and without a topology. Ages are seconds between `last_check` and the reader's clock: for people, never for
 * a decision.
 */
import { ancestorWriter } from './ancestor-verdict.ts';
import type { AncestorPair } from './direction.ts';
import type { Extras } from './history.ts';
import type {
  AgentReport,
  Facts,
  Leader,
  Lease,
  LegacyCheck,
  Member,
  MemberState,
  SidecarReport,
  Topology,
} from './model.ts';
import { type Health, judge } from './verdict.ts';

/** Everything known of a cluster. */
export interface StatusInput {
  readonly tag: string;
  readonly uniqsign: string;
  /** From the configuration: shown even when nothing else is known. */
  readonly masters: readonly string[];
  readonly topology: Topology | null;
  /** Something is stored as topology, also when it cannot be understood. */
  readonly topologyStored: boolean;
  readonly legacy: AncestorPair;
  readonly checks: ReadonlyMap<string, LegacyCheck>;
  readonly facts: readonly Facts[];
  readonly agents: readonly AgentReport[];
  readonly sidecars: readonly SidecarReport[];
  readonly lease: Lease | null;
  readonly leader: Leader | null;
  /** The clock of Redis. */
  readonly redisNowMs: number;
  /** There is a `fence_cmd`. */
  readonly canFence: boolean;
  readonly complaints: readonly string[];
  readonly nowEpochMs: number;
  /** Since when nobody writes, by Redis' clock; null when the event of it is not there. */
  readonly noWriterSinceEpochMs: number | null;
  readonly writePauseMs: number;
}

/** Numbers as in the check hash: -1 is unknown. null: there is no check. */
export interface MemberStatus {
  readonly address: string;
  readonly role: 'writer' | 'standby';
  readonly state: MemberState;
  readonly ping: number | null;
  readonly read_only: number | null;
  readonly repl_check: string | null;
  readonly delay_sec: number | null;
  readonly conn_nums: number | null;
  readonly last_check: number | null;
  /** Age of the check in seconds. */
  readonly age: number | null;
  readonly extra: Extras | null;
  readonly maintenance: NonNullable<Member['maintenance']> | null;
}

export interface ClusterStatus {
  readonly tag: string;
  readonly uniqsign: string;
  readonly generation: number | null;
  readonly phase: string | null;
  /** Without a topology the one in the ancestor's keys, where they count. */
  readonly writer: string | null;
  readonly health: Health;
  /** Why it is not healthy, worst first. */
  readonly reasons: readonly string[];
  /** Worth knowing, without being ill. */
  readonly notes: readonly string[];
  /** The writer, or the last one, first. */
  readonly members: readonly MemberStatus[];
  readonly parked: readonly { readonly on: string; readonly from: string; readonly why: string }[];
  readonly paused: string | null;
  /** Epoch ms, clock of Redis; null: until `resume`. */
  readonly paused_until: number | null;
  /** The identify that decides. */
  readonly leader: Leader | null;
  readonly lease: LeaseStatus | null;
  readonly sidecars: readonly SidecarStatus[];
}

/** The writer's right to take writes. */
export interface LeaseStatus {
  readonly holder: string;
  readonly generation: number;
  /** Id of the agent that renews it; null: nobody has yet. */
  readonly agent: string | null;
  /** The agent sits beside the server, so there is a lease to keep at all; null: no agent reports. */
  readonly local: boolean | null;
  readonly armed: boolean;
  readonly released: boolean;
}

export interface SidecarStatus {
  readonly id: string;
  readonly registered: boolean;
  /** null: no report within its life. */
  readonly did: SidecarReport['did'] | null;
  readonly generation: number | null;
  readonly tookMs: number | null;
  readonly detail: string;
}

/** Puts the picture together. */
export function clusterStatus(input: StatusInput): ClusterStatus {
  const members = memberStatuses(input);
  const { health, reasons, notes } = judge(input, members);
  const { topology } = input;
  return {
    tag: input.tag,
    uniqsign: input.uniqsign,
    generation: topology?.generation ?? null,
    phase: topology?.phase ?? null,
    writer: topology?.writer ?? ancestorWriter(input),
    health,
    reasons,
    notes,
    members,
    parked: (topology?.parked ?? []).map((link) => ({ ...link, why: whyParked(topology, link) })),
    paused: topology?.paused?.by ?? null,
    paused_until: topology?.paused?.untilMs ?? null,
    leader: input.leader,
    lease: leaseStatus(input),
    sidecars: sidecarStatuses(input),
  };
}

/** Every reason why nothing can be said, in the shape of a status. */
export function unknownStatus(tag: string, uniqsign: string, reason: string): ClusterStatus {
  return {
    tag,
    uniqsign,
    generation: null,
    phase: null,
    writer: null,
    health: 'unknown',
    reasons: [reason],
    notes: [],
    members: [],
    parked: [],
    paused: null,
    paused_until: null,
    leader: null,
    lease: null,
    sidecars: [],
  };
}

function memberStatuses(input: StatusInput): MemberStatus[] {
  const { topology, legacy } = input;
  const active = topology?.writer ?? legacy.active ?? topology?.from ?? legacy.masterHost;
  const named = topology === null ? input.masters : topology.members.map(({ address }) => address);
  const given = [legacy.active, legacy.passive].filter((address) => address !== null);
  const addresses = [...new Set(topology === null ? [...given, ...named] : named)];
  const ordered = [...addresses.filter((a) => a === active), ...addresses.filter((a) => a !== active)];
  return ordered.map((address) => memberStatus(input, address, address === active));
}

function memberStatus(input: StatusInput, address: string, isActive: boolean): MemberStatus {
  const member = input.topology?.members.find((one) => one.address === address);
  const check = input.checks.get(address);
  const number = (text: string | undefined) => (text === undefined ? null : Number(text));
  const lastCheck = number(check?.last_check);
  return {
    address,
    role: isActive ? 'writer' : 'standby',
    state: member?.state ?? 'unknown',
    ping: number(check?.ping),
    read_only: number(check?.read_only),
    repl_check: check?.repl_check ?? null,
    delay_sec: number(check?.delay_sec),
    conn_nums: number(check?.conn_nums),
    last_check: lastCheck,
    age: lastCheck === null ? null : Math.max(0, Math.floor(input.nowEpochMs / 1000) - lastCheck),
    extra: member?.extra ?? null,
    maintenance: member?.maintenance ?? null,
  };
}

function leaseStatus({ lease, agents }: StatusInput): LeaseStatus | null {
  if (lease === null) return null;
  const { holder, generation, agent, armed, released } = lease;
  const words = agents.flatMap(({ members }) => members[holder] ?? []);
  const local = words.length === 0 ? null : words.some((word) => word.local);
  return { holder, generation, agent: agent === '' ? null : agent, local, armed, released };
}

function whyParked(topology: Topology | null, { on, from }: { on: string; from: string }): string {
  const other = from === (topology?.writer ?? topology?.to) ? on : from;
  const member = topology?.members.find(({ address }) => address === other);
  if (member?.state === 'diverged') return `${other} is diverged`;
  return `${other} has not been compared with the writer since it was away`;
}

function sidecarStatuses({ topology, sidecars }: StatusInput): SidecarStatus[] {
  const registered = topology?.sidecars ?? [];
  const ids = [...new Set([...registered, ...sidecars.map(({ id }) => id)])].sort();
  return ids.map((id) => {
    const report = sidecars.find((one) => one.id === id);
    return {
      id,
      registered: registered.includes(id),
      did: report?.did ?? null,
      generation: report?.generation ?? null,
      tookMs: report?.tookMs ?? null,
      detail: report?.detail ?? '',
    };
  });
}
