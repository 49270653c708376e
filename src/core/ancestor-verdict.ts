/**
 * How a cluster is without a topology. Where nobody reports ever to have seen one and the ancestor's keys name
 * a writer, its Perl programs are at work: keys and checks are judged as far as they tell. Otherwise nothing is
 * known. Right after a switch the checks may be older than the keys, by the ancestor's `interval`.
 */
import { generationReported } from './direction.ts';
import { checkTrouble, isFresh, openMembers, twoWriters } from './member-trouble.ts';
import type { MemberStatus, StatusInput } from './status.ts';
import type { Verdict } from './verdict.ts';

/** The writer by the ancestor's keys, where they count; null elsewhere. */
export function ancestorWriter(input: StatusInput): string | null {
  const { topology, topologyStored, legacy } = input;
  if (topology !== null || topologyStored || generationReported(input) > 0) return null;
  return legacy.masterHost ?? legacy.active;
}

/** The verdict while there is no topology that could be read. */
export function undecidedVerdict(
  input: StatusInput,
  members: readonly MemberStatus[],
): Pick<Verdict, 'health' | 'reasons'> & { readonly note: string | null } {
  const two = twoWriters(members);
  const writer = ancestorWriter(input);
  if (writer === null) {
    const health = two === null ? 'unknown' : 'critical';
    return { health, reasons: [two, whyUndecided(input)].filter((reason) => reason !== null), note: null };
  }
  const critical = [two ?? noWriter(writer, members)].filter((reason) => reason !== null);
  const degraded = [
    ...disagreement(input),
    ...members.flatMap((member) => checkTrouble(input.facts, member)),
    ...input.sidecars.flatMap(({ id, did, detail }) =>
      did === 'failed' ? [`sidecar ${id} failed: ${detail}`] : [],
    ),
    ...(input.agents.length > 0
      ? ['mmm-agent is at work, but nothing was decided yet: is mmm-identify running?']
      : []),
  ];
  return {
    health: critical.length > 0 ? 'critical' : degraded.length > 0 ? 'degraded' : 'ok',
    reasons: [...critical, ...degraded],
    note: 'only the Perl mmm-identify decides: there is no topology, and nobody is cut before a switch',
  };
}

function noWriter(writer: string, members: readonly MemberStatus[]): string | null {
  const [open] = openMembers(members);
  if (open !== undefined) {
    return open === writer ? null : `${open} accepts writes, but the keys name ${writer} as the writer`;
  }
  return members.every(isFresh) ? `nobody may write: ${writer} does not accept writes, and no other` : null;
}

function disagreement({ uniqsign, legacy: { active, masterHost } }: StatusInput): string[] {
  if (active === masterHost) return [];
  const [mode, master] = [active ?? 'nobody', masterHost ?? 'nobody'];
  return [`mysql-${uniqsign}-mode names ${mode}, mysql-${uniqsign}-master names ${master}`];
}

function whyUndecided(input: StatusInput): string {
  if (input.topologyStored) return 'the topology cannot be understood: is a newer version at work?';
  const generation = generationReported(input);
  return generation > 0
    ? `the topology is gone from Redis, generation ${generation} was seen before: is mmm-identify running?`
    : 'nothing was decided yet: is mmm-identify running, and does it reach Redis?';
}
