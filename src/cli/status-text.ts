import { FRESH_SECONDS } from '../core/member-trouble.ts';
import type { ClusterStatus, LeaseStatus, MemberStatus, SidecarStatus } from '../core/status.ts';
import { printable } from './print.ts';

/** The ancestor's lines first, byte for byte; what it did not know comes after them. */
export function statusText(status: ClusterStatus): string {
  const members = status.members.map((member) => {
    const name = member.role === 'writer' ? 'active' : '+- passive';
    return `  ${name}: ${member.address}(${memberText(member)})`;
  });
  const lines = ['Current multi master status:', `[${status.tag}]`, ...members, ...details(status)];
  return `${lines.join('\n')}\n\n`;
}

function memberText(member: MemberStatus): string {
  return `${aliveText(member)} readonly: ${member.read_only ?? -1}, replcheck: ${member.repl_check ?? 'Error'}`;
}

function aliveText({ ping, age }: MemberStatus): string {
  if (ping !== 1 || age === null) return 'dead';
  return age < FRESH_SECONDS ? 'alive' : `alive at ${age} seconds ago`;
}

function details(status: ClusterStatus): string[] {
  const { generation, phase, health } = status;
  const where = generation === null ? '' : `, generation ${generation} ${phase}`;
  return [
    `  health: ${health}${where}`,
    ...status.reasons.map((reason) => `  ! ${printable(reason)}`),
    ...status.notes.map((note) => `  note: ${printable(note)}`),
    ...(status.leader === null ? [] : [`  leader: mmm-identify ${printable(status.leader.id)}`]),
    ...leaseText(status.lease),
    ...status.members.flatMap(divergence),
    ...status.parked.map(
      ({ on, from, why }) => `  parked: ${on} does not replicate from ${from}: ${printable(why)}`,
    ),
    ...status.sidecars.map(sidecarText),
  ];
}

function leaseText(lease: LeaseStatus | null): string[] {
  if (lease === null || (lease.agent === null && lease.local !== true)) return [];
  const { holder, agent, armed, released } = lease;
  if (released)
    return [`  lease: ${holder}, given up by agent ${printable(agent ?? '')}: its server is gone`];
  if (agent === null) return [`  lease: ${holder}, not renewed yet`];
  const closes = armed
    ? 'armed: the server closes itself without it'
    : 'not armed: the server stays open without it';
  return [`  lease: ${holder}, kept by agent ${printable(agent)}, ${closes}`];
}

function divergence({ address, extra }: MemberStatus): string[] {
  return extra === null
    ? []
    : [`  diverged: ${address}, ${extra.lost === true ? 'lost' : 'too many'}: ${printable(extra.list)}`];
}

function sidecarText(sidecar: SidecarStatus): string {
  const register = sidecar.registered ? '' : ' (not registered)';
  if (sidecar.did === null) return `  sidecar ${sidecar.id}${register}: no report`;
  const took = sidecar.did === 'watching' ? '' : ` in ${Math.round(sidecar.tookMs ?? 0)} ms`;
  const detail = sidecar.detail === '' ? '' : `: ${printable(sidecar.detail)}`;
  return `  sidecar ${sidecar.id}${register}: ${sidecar.did} at generation ${sidecar.generation}${took}${detail}`;
}
