import { resolve } from 'node:path';
import { Tag } from '../core/model.ts';
import type { Section } from './ini.ts';
import { complainOfSections, namesOf, readSection } from './section.ts';
import { checkUniqsign, readShared, SHARED_KEYS } from './shared-sections.ts';
import { openSource, type Source } from './source.ts';
import { chooseTags } from './tags.ts';
import { readTarget, TARGET_KEYS } from './target.ts';
import type { LoadOptions, SidecarClusterConfig, SidecarConfig, TargetConfig } from './types.ts';
import { addresses, duration, path, required, text } from './values.ts';

const OWN_KEYS = {
  templates_dir: path(),
  reconcile: duration(5000, 100),
  command_timeout: duration(10_000, 100),
} as const;

const CLUSTER_KEYS = { uniqsign: required(text(null)), members: required(addresses()) } as const;

/** Every key of `mmm-sidecar.conf`, by section. */
export const SIDECAR_KEYS: Readonly<Record<string, readonly string[]>> = {
  sidecar: namesOf(OWN_KEYS),
  'cluster TAG': namesOf(CLUSTER_KEYS),
  'target NAME': TARGET_KEYS,
  redis: namesOf(SHARED_KEYS.redis),
  log: namesOf(SHARED_KEYS.log),
  state: namesOf(SHARED_KEYS.state),
};

/** Reads `mmm-sidecar.conf`. Rejects with ConfigError (all mistakes of the file) or UsageError (`--redis`). */
export async function loadSidecarConfig(file: string, options: LoadOptions = {}): Promise<SidecarConfig> {
  const source = await openSource(file);
  const shared = readShared(source, 'mmm-sidecar.conf', options.redis);
  const own = readSection(source, 'sidecar', OWN_KEYS).values;
  const tags = sectionsOf(source, 'cluster').map(({ name }) => name.slice('cluster '.length));
  const clusters = sectionsOf(source, 'cluster').flatMap((section) => readCluster(source, section) ?? []);
  const targets = sectionsOf(source, 'target').flatMap((section) => readTarget(source, section, tags) ?? []);
  refuseSharing(source, clusters, targets);
  complainOfSections(source, ['sidecar', ...Object.keys(SHARED_KEYS)], (name) =>
    /^(?:cluster|target) /.test(name),
  );
  const chosen = chooseTags(source, tags, options.tags);
  refuseSplitting(source, targets, chosen);
  source.findings.refuse();
  if (shared === null || own === null) throw new Error('a mistake was not recorded');
  return {
    file,
    ...shared,
    templatesDir: own.templates_dir,
    reconcileMs: own.reconcile,
    commandTimeoutMs: own.command_timeout,
    clusters: clusters.filter(({ tag }) => chosen.includes(tag)),
    targets: targets.filter((target) => target.clusters.some((tag) => chosen.includes(tag))),
    warnings: source.findings.warnings(),
  };
}

function sectionsOf(source: Source, kind: string): readonly Section[] {
  return [...source.ini.values()].filter(({ name }) => name.startsWith(`${kind} `));
}

function readCluster(source: Source, section: Section): SidecarClusterConfig | null {
  const tag = section.name.slice('cluster '.length);
  if (!Tag.safeParse(tag).success) {
    source.findings.mistake(section.line, `tag ${tag} may hold at most 64 letters, digits, "_" and "-"`);
  }
  const { values, sound, line } = readSection(source, section.name, CLUSTER_KEYS);
  if (typeof sound.uniqsign === 'string') checkUniqsign(source, line('uniqsign'), sound.uniqsign);
  if (sound.members?.length === 1) source.findings.mistake(line('members'), 'members must list both masters');
  return values === null ? null : { tag, uniqsign: values.uniqsign, members: values.members };
}

/** Two clusters with one uniqsign or one server, or two targets with one file or haproxy, would undo each other. */
function refuseSharing(
  source: Source,
  clusters: readonly SidecarClusterConfig[],
  targets: readonly TargetConfig[],
): void {
  const owners = new Map<string, string>();
  const own = (section: string, key: string, value: string, what = value): void => {
    const owner = owners.get(what) ?? section;
    const at = source.ini.get(section);
    const line = at?.entries.get(key)?.line ?? at?.line ?? null;
    if (owner !== section) source.findings.mistake(line, `${key} ${value} belongs to [${owner}] already`);
    owners.set(what, owner);
  };
  for (const { tag, uniqsign, members } of clusters) {
    own(`cluster ${tag}`, 'uniqsign', uniqsign);
    for (const member of members) own(`cluster ${tag}`, 'members', member);
  }
  for (const { name, dest, sockets } of targets) {
    own(`target ${name}`, 'dest', dest, resolve(dest));
    for (const socket of sockets) own(`target ${name}`, 'socket', socket, resolve(socket));
  }
  if (sectionsOf(source, 'cluster').length === 0) {
    source.findings.mistake(null, 'names no cluster: add a section [cluster TAG]');
  }
  if (sectionsOf(source, 'target').length === 0) {
    source.findings.mistake(null, 'names no target: add a section [target NAME]');
  }
}

/** One file holds all its clusters: writing it for some would take the others out of it. */
function refuseSplitting(source: Source, targets: readonly TargetConfig[], chosen: readonly string[]): void {
  for (const { name, clusters } of targets) {
    const left = clusters.filter((tag) => !chosen.includes(tag));
    if (left.length === 0 || left.length === clusters.length) continue;
    source.findings.mistake(
      source.ini.get(`target ${name}`)?.line ?? null,
      `[target ${name}] serves ${left.join(', ')} too, which --tag leaves out: ask for these as well, or give each cluster a target of its own`,
    );
  }
}
