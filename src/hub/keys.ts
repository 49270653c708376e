/** Every key and channel in Redis, in one place. `S` is a cluster's uniqsign. The ancestor's keys come first. */
export const CLUSTERS = 'mysql-clusters';

/** Strings, sets and hashes the ancestor's programs and templates read. */
export type LegacyName = 'servicemode' | 'primaryhost' | 'secondaryhost' | 'members' | 'mode' | 'master';

/**
 * What else is kept of a cluster. `reporters` is the index of the facts and reports that may exist, `lease` the
 * writer's right to take writes, `leader` which identify decides.
 */
export type OwnName = 'topology' | 'requests' | 'events' | 'reporters' | 'lease' | 'leader';

export function clusterKey(uniqsign: string, name: LegacyName | OwnName): string {
  return prefix(uniqsign) + name;
}

/** What every key of a cluster begins with. */
export function prefix(uniqsign: string): string {
  return `mysql-${uniqsign}-`;
}

export function checkKey(uniqsign: string, address: string): string {
  return `${prefix(uniqsign)}${address}-check`;
}

export type ReportKind = 'facts' | 'agent' | 'sidecar';

/** The last part of a report's key, also its name in the `reporters` set. */
export function reportName(kind: ReportKind, id: string): string {
  return `${kind}-${id}`;
}

export function reportKey(uniqsign: string, kind: ReportKind, id: string): string {
  return prefix(uniqsign) + reportName(kind, id);
}

export function answerKey(uniqsign: string, id: string): string {
  return `${prefix(uniqsign)}answer-${id}`;
}

/** Channel of our own hints; the ancestor's message goes to its topic and nowhere else. */
export function wakeChannel(uniqsign: string): string {
  return `${prefix(uniqsign)}wake`;
}
