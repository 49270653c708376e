import { isAddress } from '../core/address.ts';
import { AgentReport, Facts, Id, Request, SidecarReport, Topology } from '../core/model.ts';
import type { ClusterState, LegacyKeys } from '../ports.ts';
import { parseDocument, type RawFields, type Stored } from './documents.ts';
import { clusterKey, prefix } from './keys.ts';
import { parseLeader } from './leader.ts';
import { parseLease } from './lease.ts';

/** The topology as it lies in Redis, nothing checked yet. */
export interface RawOrders {
  readonly incarnation: string;
  readonly topology: Stored;
}

/** One cluster as it lies in Redis, nothing checked yet. */
export interface RawCluster extends RawOrders {
  readonly reports: readonly (Stored & { readonly name: string })[];
  /** `storedAt`: microseconds of Redis' clock, in digits. */
  readonly requests: readonly (Stored & { readonly id: string; readonly storedAt: string })[];
  /** Why a whole collection is unreadable; empty when it is fine. */
  readonly requestsWhy: string;
  readonly reportsWhy: string;
  readonly legacy: LegacyKeys;
  /** In the order of `LEASE_FIELDS`. */
  readonly lease: RawFields;
  /** Id (empty: resigned), counter, age in milliseconds. */
  readonly leader: RawFields;
  readonly redisNowMs: number;
}

/** Checks every document against its schema and its own name; what fails is left out and complained about. */
export function assemble(uniqsign: string, raw: RawCluster): ClusterState {
  const complaints: string[] = [];
  const complain = (complaint: string) => void complaints.push(printable(complaint));
  if (raw.requestsWhy !== '') complain(`${clusterKey(uniqsign, 'requests')} ${raw.requestsWhy}`);
  if (raw.reportsWhy !== '') complain(`${clusterKey(uniqsign, 'reporters')} ${raw.reportsWhy}`);
  const reports = sortReports(uniqsign, raw, complain);
  return {
    topology: parseTopology(uniqsign, raw.topology, complain),
    topologyText: raw.topology.text,
    topologyStored: raw.topology.text !== null || raw.topology.why !== '',
    ...reports,
    requests: parseRequests(uniqsign, raw, complain),
    legacy: checkLegacy(uniqsign, raw.legacy, complain),
    incarnation: raw.incarnation,
    lease: parseLease(clusterKey(uniqsign, 'lease'), raw.lease, complain),
    leader: parseLeader(clusterKey(uniqsign, 'leader'), raw.leader, complain),
    redisNowMs: raw.redisNowMs,
    complaints,
  };
}

/** The topology, when it is one and belongs to this cluster. */
export function parseTopology(
  uniqsign: string,
  text: Stored,
  complain: (c: string) => void,
): Topology | null {
  const key = clusterKey(uniqsign, 'topology');
  const topology = parseDocument(Topology, key, text, complain);
  if (topology === null || topology.uniqsign === uniqsign) return topology;
  complain(`${key} says that it belongs to ${topology.uniqsign}`);
  return null;
}

function sortReports(uniqsign: string, raw: RawCluster, complain: (c: string) => void) {
  const facts: Facts[] = [];
  const agents: AgentReport[] = [];
  const sidecars: SidecarReport[] = [];
  for (const report of raw.reports) {
    const key = prefix(uniqsign) + report.name;
    const [kind, id] = split(report.name);
    const keep = <T extends { readonly id: string }>(document: T | null, into: T[]) => {
      if (document === null) return;
      if (document.id === id) into.push(document);
      else complain(`${key} says that it is from ${document.id}`);
    };
    if (kind === 'agent') keep(parseDocument(AgentReport, key, report, complain), agents);
    else if (kind === 'sidecar') keep(parseDocument(SidecarReport, key, report, complain), sidecars);
    else {
      const document = parseDocument(Facts, key, report, complain);
      if (document === null || document.uniqsign === uniqsign) keep(document, facts);
      else complain(`${key} says that it belongs to ${document.uniqsign}`);
    }
  }
  return { facts: facts.sort(byId), agents: agents.sort(byId), sidecars: sidecars.sort(byId) };
}

function parseRequests(uniqsign: string, raw: RawCluster, complain: (c: string) => void): Request[] {
  const found: { readonly at: bigint; readonly request: Request }[] = [];
  for (const stored of raw.requests) {
    const name = `request ${stored.id} in ${clusterKey(uniqsign, 'requests')}`;
    const request = parseDocument(Request, name, stored, complain);
    if (request === null) continue;
    if (request.id === stored.id) found.push({ at: BigInt(stored.storedAt), request });
    else complain(`${name} says that it is ${request.id}`);
  }
  found.sort((a, b) => (a.at === b.at ? byId(a.request, b.request) : a.at < b.at ? -1 : 1));
  return found.map(({ request }) => request);
}

/** Whoever adopts a legacy value may connect to it: what is no address is treated as absent. */
function checkLegacy(uniqsign: string, legacy: LegacyKeys, complain: (c: string) => void): LegacyKeys {
  const address = (text: string | null, key: string): string | null => {
    if (text === null || isAddress(text)) return text;
    if (text !== '')
      complain(`${prefix(uniqsign)}${key} is not a host:port address: ${JSON.stringify(text.slice(0, 80))}`);
    return null;
  };
  const digits = (text: string | null) => (text !== null && /^\d{1,15}$/.test(text) ? text : null);
  return {
    active: address(legacy.active, 'mode active'),
    passive: address(legacy.passive, 'mode passive'),
    masterHost: address(legacy.masterHost, 'master host'),
    masterGeneration: digits(legacy.masterGeneration),
    masterSince: digits(legacy.masterSince),
    servicemode: legacy.servicemode,
    primaryhost: address(legacy.primaryhost, 'primaryhost'),
    secondaryhost: address(legacy.secondaryhost, 'secondaryhost'),
    members: legacy.members.filter((member) => address(member, 'members') !== null).sort(),
  };
}

function split(name: string): [string, string] {
  const dash = name.indexOf('-');
  const id = name.slice(dash + 1);
  return [name.slice(0, dash), Id.safeParse(id).success ? id : ''];
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Complaints end up in logs and on terminals: no control characters, bounded. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 400);
}
