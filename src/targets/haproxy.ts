import type { ClusterView } from '../core/view.ts';
import { type TargetKind, textComplaints } from './target.ts';

/**
 * A whole haproxy configuration. A standby is `backup` and `disabled`: `backup` alone would be a failover
 * of haproxy's own that no topology decided.
 */
export const haproxy: TargetKind = {
  kind: 'haproxy',
  routes: true,
  template: 'haproxy.cfg.hbs',
  includes: ['global_include', 'defaults_include'],
  drift: 'revert',
  complaints: (text, clusters, backend) => [
    ...textComplaints(text),
    ...clusters.flatMap((cluster) => clusterComplaints(text, cluster, backend)),
  ],
  servers: (text, clusters) => {
    const members = addressesOf(clusters);
    return serverLines(text).flatMap((line) => (members.has(line.address) ? [line.address] : []));
  },
  sameForm: (a, b, clusters) => formOf(a, clusters) === formOf(b, clusters),
  turned,
};

interface ServerLine {
  readonly section: string;
  readonly lead: string;
  readonly address: string;
  readonly words: readonly string[];
}

function clusterComplaints(text: string, cluster: ClusterView, backend: string | null): string[] {
  const members = addressesOf([cluster]);
  const lines = serverLines(text).filter(
    (line) => members.has(line.address) && (backend === null || line.section === backend),
  );
  const open = lines.filter((line) => !line.words.includes('disabled'));
  const where = backend === null ? '' : ` of section ${backend}`;
  const found = open.map((line) => line.address).join(', ') || 'none';
  if (open.length === 1 && open[0]?.address === cluster.writer?.address) return [];
  return [
    `cluster ${cluster.tag}: exactly one enabled server line${where} is wanted, the writer ${cluster.writer?.address ?? '(nobody)'}, but the text has ${found}`,
  ];
}

function turned(text: string, clusters: readonly ClusterView[]): string {
  const writers = new Set(clusters.map((cluster) => cluster.writer?.address));
  return mapServers(text, clusters, (line) => {
    const kept = [line.lead, ...line.words.filter((word) => !isDirection(word))].join(' ');
    return writers.has(line.address) ? kept : `${kept} backup disabled`;
  });
}

/** The text without direction, comments and blank lines. */
function formOf(text: string, clusters: readonly ClusterView[]): string {
  const bare = mapServers(text, clusters, (line) =>
    [line.lead.trim(), ...line.words.filter((word) => !isDirection(word))].join(' '),
  );
  const lines = bare.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).join('\n');
}

function mapServers(
  text: string,
  clusters: readonly ClusterView[],
  change: (line: ServerLine) => string,
): string {
  const members = addressesOf(clusters.map(({ masters, ...rest }) => ({ ...rest, masters, replicas: [] })));
  return text
    .split('\n')
    .map((raw) => {
      const line = serverLine(raw, '');
      return line !== null && members.has(line.address) ? change(line) : raw;
    })
    .join('\n');
}

function serverLines(text: string): ServerLine[] {
  let section = '';
  return text.split('\n').flatMap((raw) => {
    section = /^(?:listen|backend|frontend|defaults|global)\b\s*(\S*)/.exec(raw)?.[1] ?? section;
    return serverLine(raw, section) ?? [];
  });
}

function serverLine(raw: string, section: string): ServerLine | null {
  const match = /^(\s*server\s+\S+\s+(\S+))(.*)$/.exec(raw);
  const [, lead, address, rest] = match ?? [];
  if (lead === undefined || address === undefined) return null;
  return { section, lead, address, words: (rest ?? '').split(/\s+/).filter((word) => word !== '') };
}

function isDirection(word: string): boolean {
  return word === 'backup' || word === 'disabled';
}

function addressesOf(clusters: readonly ClusterView[]): ReadonlySet<string> {
  return new Set(clusters.flatMap((one) => [...one.masters, ...one.replicas].map((m) => m.address)));
}
