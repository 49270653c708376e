/**
 * What templates see: a stable topology, cut down to what the configuration allows. Where only the ancestor's
 * programs decide the generation is 0, and the standby's state unknown.
 *
 * - Only members of the allow-list are ever shown; one stranger refuses the whole topology.
 * - Every leaf is a string: yes/no fields are `yes` or empty, unknown values are empty. Only `writer` and
 *   `standby` may be null.
 * - Members stand in the order of the allow-list, so the same decision always gives the same text.
 */
import { endpoint, isAddress } from './address.ts';
import type { Direction } from './direction.ts';
import type { Member } from './model.ts';

/** A cluster as the sidecar's configuration names it. */
export interface Allowed {
  readonly tag: string;
  readonly uniqsign: string;
  readonly members: readonly string[];
}

/** What is known of members beside the topology; empty text when unknown. */
export interface Known {
  ip(address: string): string;
  serverId(address: string): string;
}

interface MemberView {
  readonly address: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: string;
  readonly ip: string;
  /** The address with everything but letters and digits as `_`: `10_0_21_5_3308`. */
  readonly name: string;
  readonly server_id: string;
  readonly role: string;
  readonly state: string;
  /** `yes` for the writer. */
  readonly writable: string;
  /** `yes` for a master that is not the writer. */
  readonly backup: string;
}

export interface ClusterView {
  readonly tag: string;
  readonly uniqsign: string;
  readonly generation: string;
  readonly phase: string;
  /** The target's `bind` and `listen` for this cluster. */
  readonly bind: string;
  readonly listen: string;
  readonly writer: MemberView | null;
  readonly standby: MemberView | null;
  readonly masters: readonly MemberView[];
  readonly replicas: readonly MemberView[];
}

/** The root of a template: the first cluster's fields, all clusters, the target's options. */
export interface View {
  readonly cluster: Readonly<Record<'tag' | 'uniqsign' | 'generation' | 'phase', string>>;
  readonly writer: MemberView | null;
  readonly standby: MemberView | null;
  readonly masters: readonly MemberView[];
  readonly replicas: readonly MemberView[];
  readonly clusters: readonly ClusterView[];
  readonly options: Readonly<Record<string, string>>;
  /** Text of the files that options like `global_include` name. */
  readonly includes: Readonly<Record<string, string>>;
}

/** Why this topology must not be followed here; null when it may. */
export function refusal(topology: Direction, allowed: Allowed): string | null {
  if (topology.uniqsign !== allowed.uniqsign) return 'the topology belongs to another cluster';
  const addresses = topology.members.map((member) => member.address);
  const stranger = [...addresses, topology.writer, topology.from, topology.to].find(
    (address) => address !== null && !(allowed.members.includes(address) && isAddress(address)),
  );
  if (stranger !== undefined) {
    return `${quoted(stranger)} is not in members= of [cluster ${allowed.tag}]: add it there, or find out who wrote it into Redis`;
  }
  if (new Set(addresses).size !== addresses.length) return 'the topology lists a member twice';
  if (new Set(addresses.map(memberName)).size !== addresses.length) {
    return 'two members have the same name once special characters are replaced: spell them differently';
  }
  return topology.phase === 'stable' ? writerRefusal(topology) : null;
}

/** The cluster as templates see it. The topology must have passed `refusal` and be stable. */
export function clusterView(
  topology: Direction,
  allowed: Allowed,
  known: Known,
  at: { readonly bind: string; readonly listen: string },
): ClusterView {
  const ordered = allowed.members.flatMap((address) =>
    topology.members.filter((member) => member.address === address),
  );
  const show = (member: Member) => memberView(member, topology.writer, known);
  const masters = ordered.filter((member) => member.kind === 'master').map(show);
  const others = masters.filter((member) => member.writable === '');
  return Object.freeze({
    tag: allowed.tag,
    uniqsign: allowed.uniqsign,
    generation: String(topology.generation),
    phase: topology.phase,
    ...at,
    writer: masters.find((member) => member.writable !== '') ?? null,
    standby: others.find((member) => member.state === 'online') ?? others[0] ?? null,
    masters: Object.freeze(masters),
    replicas: Object.freeze(ordered.filter((member) => member.kind === 'replica').map(show)),
  });
}

/** The root of a target's template. */
export function targetView(
  clusters: readonly [ClusterView, ...ClusterView[]],
  options: Readonly<Record<string, string>>,
  includes: Readonly<Record<string, string>>,
): View {
  const { tag, uniqsign, generation, phase, writer, standby, masters, replicas } = clusters[0];
  return Object.freeze({
    cluster: Object.freeze({ tag, uniqsign, generation, phase }),
    writer,
    standby,
    masters,
    replicas,
    clusters: Object.freeze([...clusters]),
    options: Object.freeze({ ...options }),
    includes: Object.freeze({ ...includes }),
  });
}

function memberView(member: Member, writer: string | null, known: Known): MemberView {
  const { host, port } = endpoint(member.address);
  return Object.freeze({
    address: member.address,
    host,
    port: String(port),
    ip: known.ip(member.address),
    name: memberName(member.address),
    server_id: known.serverId(member.address),
    role: member.role,
    state: member.state,
    writable: member.address === writer ? 'yes' : '',
    backup: member.kind === 'master' && member.address !== writer ? 'yes' : '',
  });
}

function memberName(address: string): string {
  return address.replace(/[^A-Za-z0-9]/g, '_');
}

function writerRefusal(topology: Direction): string | null {
  if (topology.writer === null) return 'the topology is stable but names no writer';
  const writer = topology.members.find((member) => member.address === topology.writer);
  return writer?.kind === 'master' ? null : 'the writer of the topology is not one of its masters';
}

function quoted(text: string | null | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 120));
}
