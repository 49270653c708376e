/** One `[target NAME]` of mmm-sidecar.conf. */
import { plainText, type Section } from './ini.ts';
import { namesOf, readSection } from './section.ts';
import type { Source } from './source.ts';
import { perTag } from './target-addresses.ts';
import { checkCommands, checkHaproxy } from './target-checks.ts';
import type { TargetConfig } from './types.ts';
import {
  address,
  bindAddress,
  choice,
  command,
  fileMode,
  list,
  path,
  required,
  secret,
  text,
} from './values.ts';

const COMMON_KEYS = {
  kind: required(choice(['haproxy', 'file'], ['hosts', 'dns', 'exec'])),
  clusters: list(),
  dest: required(path()),
  mode: fileMode(0o644),
  check_cmd: command(),
  reload_cmd: command(),
} as const;

const FILE_KEYS = { ...COMMON_KEYS, template: required(text(null)) } as const;

const HAPROXY_KEYS = {
  ...COMMON_KEYS,
  template: text(null),
  socket: list((item) => /^\/\S*$/.test(item), 'paths that begin with / and have no blanks, between commas'),
  backend: text(null, /^[A-Za-z0-9_.:-]{1,128}$/, 'the name of a backend'),
  listen: address(),
  bind: bindAddress(),
  verify_user: text(null),
  verify_password: secret(),
  global_include: path(),
  defaults_include: path(),
} as const;

/** Keys of the sections `[target NAME]`, of all kinds. */
export const TARGET_KEYS: readonly string[] = namesOf(HAPROXY_KEYS);

/** Reads a target section; null when it holds a mistake. `tags` are the clusters of the file. */
export function readTarget(source: Source, section: Section, tags: readonly string[]): TargetConfig | null {
  const name = section.name.slice('target '.length);
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name)) {
    source.findings.mistake(
      section.line,
      `target ${name} may hold at most 64 letters, digits, "_", "." and "-"`,
    );
  }
  const kind = kindOf(source, section);
  if (kind === null) return null;
  const clusters = clustersOf(source, section, tags);
  const target =
    kind === 'file' ? readFileTarget(source, section) : readHaproxyTarget(source, section, clusters);
  if (target === null) return null;
  const complete = { ...target, name, kind, clusters, options: optionsOf(source, section, kind) };
  checkCommands(source, section, complete);
  if (kind === 'haproxy') checkHaproxy(source, section, complete);
  return complete;
}

type Own = Omit<TargetConfig, 'name' | 'kind' | 'clusters' | 'options'>;

function readFileTarget(source: Source, section: Section): Own | null {
  const { values } = readSection(source, section.name, FILE_KEYS, (key) => isExtra(key) || isOfHaproxy(key));
  for (const { key, line } of section.entries.values()) {
    if (!Object.hasOwn(FILE_KEYS, key) && isOfHaproxy(key))
      source.findings.warn(line, `${key} does nothing with kind=file`);
  }
  if (values === null) return null;
  return {
    ...commonOf(values),
    sockets: [],
    backend: null,
    listen: {},
    bind: {},
    verifyUser: null,
    verifyPassword: null,
  };
}

function readHaproxyTarget(source: Source, section: Section, clusters: readonly string[]): Own | null {
  const { values } = readSection(
    source,
    section.name,
    HAPROXY_KEYS,
    (key) => isExtra(key) || isOfHaproxy(key),
  );
  const bind = perTag(source, section, 'bind', bindAddress(), clusters);
  const listen = perTag(source, section, 'listen', address(), clusters);
  if (values === null) return null;
  return {
    ...commonOf(values),
    sockets: values.socket,
    backend: values.backend,
    listen,
    bind,
    verifyUser: values.verify_user,
    verifyPassword: values.verify_password,
  };
}

function commonOf(values: {
  readonly template: string | null;
  readonly dest: string;
  readonly mode: number;
  readonly check_cmd: readonly string[] | null;
  readonly reload_cmd: readonly string[] | null;
}): Pick<TargetConfig, 'template' | 'dest' | 'mode' | 'checkCmd' | 'reloadCmd'> {
  const { template, dest, mode, check_cmd, reload_cmd } = values;
  return { template, dest, mode, checkCmd: check_cmd, reloadCmd: reload_cmd };
}

/** Without a kind nothing else can be said about the section, so only that is complained about. */
function kindOf(source: Source, section: Section): 'haproxy' | 'file' | null {
  const entry = section.entries.get('kind');
  const parsed = entry === undefined ? null : COMMON_KEYS.kind.parse(entry.raw, 'kind');
  if (parsed?.ok === true && parsed.value !== null) return parsed.value;
  const why = parsed?.ok === false ? parsed.why : `[${section.name}] needs kind=haproxy or kind=file`;
  source.findings.mistake(entry?.line ?? section.line, why);
  return null;
}

function clustersOf(source: Source, section: Section, tags: readonly string[]): readonly string[] {
  const entry = section.entries.get('clusters');
  const parsed = entry === undefined ? null : COMMON_KEYS.clusters.parse(entry.raw, 'clusters');
  if (parsed?.ok !== true || parsed.value === null) return tags;
  for (const tag of parsed.value.filter((one) => !tags.includes(one))) {
    source.findings.mistake(
      entry?.line ?? null,
      `clusters names ${tag}, but there is no section [cluster ${tag}]`,
    );
  }
  return parsed.value;
}

/** Keys of the user's own templates. */
function isExtra(key: string): boolean {
  return /^x_[A-Za-z0-9_]+$/.test(key);
}

function isOfHaproxy(key: string): boolean {
  return /^(?:bind|listen)\./.test(key) || TARGET_KEYS.includes(key);
}

function optionsOf(
  source: Source,
  section: Section,
  kind: TargetConfig['kind'],
): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  for (const { key, raw, line } of section.entries.values()) {
    if (/password(?:_file)?$/.test(key)) {
      if (isExtra(key))
        source.findings.warn(line, `${key} is taken for a secret and does not reach the template`);
      continue;
    }
    if (!isExtra(key) && !(kind === 'file' ? Object.hasOwn(FILE_KEYS, key) : isOfHaproxy(key))) continue;
    const parsed = key.endsWith('_cmd') ? command().parse(raw, key) : plainText(raw);
    if (parsed.ok) options[key] = parsed.text;
    else if (isExtra(key)) source.findings.mistake(line, `${key} ${parsed.why}`);
  }
  return options;
}
