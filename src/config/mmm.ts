import { leaseTimes, whyUnsafe } from '../core/lease.ts';
import { Tag } from '../core/model.ts';
import { nearest } from './nearest.ts';
import { namesOf, type Reading, readSection } from './section.ts';
import { checkUniqsign, readShared, SHARED_KEYS } from './shared-sections.ts';
import { openSource, type Source } from './source.ts';
import { chooseTags } from './tags.ts';
import type { ClusterConfig, LoadOptions, MmmConfig } from './types.ts';
import {
  address,
  choice,
  command,
  duration,
  integer,
  names,
  path,
  required,
  secret,
  text,
} from './values.ts';

const CLUSTER_KEYS = {
  uniqsign: required(text(null)),
  primaryhost: required(address()),
  secondaryhost: required(address()),
  servicemode: choice(['1'], ['0']),
  database: text(null),
  user: required(text(null)),
  password: secret(),
  excludeuser: names(),
  charset: text('utf8', /^[A-Za-z0-9_]{1,64}$/, 'a character set'),
  connect_timeout: duration(1000, 1),
  interval: duration(3000, 10),
  try_times: integer(2, 1, 1000),
  monitor_logfile: path(),
  identify_logfile: path(),
  probe_interval: duration(500, 10),
  probe_timeout: duration(null, 1),
  confirm: duration(200, 0),
  silence: duration(10_000, 1),
  freeze_timeout: duration(3000, 1),
  lease_ttl: duration(5000, 1),
  fencing: choice(['routed', 'strict', 'none']),
  fence_cmd: command(['address', 'host', 'port', 'tag', 'generation']),
  failover_cooldown: duration(600_000, 0),
  durability: choice(['async'], ['semisync']),
  max_lost_transactions: integer(null, 0, 1_000_000_000),
  max_lag: duration(30_000, 0),
  catchup_timeout: duration(10_000, 1),
  write_pause_budget: duration(2000, 1),
  failback: choice(['manual', 'auto']),
  flap_count: integer(3, 1, 1000),
  flap_duration: duration(3_600_000, 1),
  auto_set_online: duration(60_000, 0),
  on_divergence: choice(['hold'], ['replay']),
} as const;

type ClusterReading = Reading<typeof CLUSTER_KEYS>;

/** Every key of `mmm.conf`; `TAG` stands for a cluster's own section. */
export const MMM_KEYS: Readonly<Record<string, readonly string[]>> = {
  TAG: namesOf(CLUSTER_KEYS),
  redis: namesOf(SHARED_KEYS.redis),
  log: namesOf(SHARED_KEYS.log),
  state: namesOf(SHARED_KEYS.state),
};

/** Reads `mmm.conf`. Rejects with ConfigError (all mistakes of the file) or UsageError (`--redis`). */
export async function loadMmmConfig(file: string, options: LoadOptions = {}): Promise<MmmConfig> {
  const source = await openSource(file);
  const shared = readShared(source, 'mmm.conf', options.redis);
  const names = [...source.ini.keys()].filter(
    (name) => !Object.hasOwn(SHARED_KEYS, name) && !isMisspelled(source, name),
  );
  const readings = new Map(names.map((name) => [name, readSection(source, name, CLUSTER_KEYS)]));
  const clusters = [...readings].flatMap(([tag, reading]) => readCluster(source, tag, reading) ?? []);
  if (names.length === 0) source.findings.mistake(null, 'names no cluster: add a section [TAG]');
  refuseSharing(source, readings);
  const chosen = chooseTags(source, names, options.tags);
  source.findings.refuse();
  if (shared === null) throw new Error('a mistake was not recorded');
  return {
    file,
    ...shared,
    clusters: clusters.filter(({ tag }) => chosen.includes(tag)),
    warnings: source.findings.warnings(),
  };
}

/** Any other section is a cluster, so a misspelled one is only told by its keys. Nothing else is said of it. */
function isMisspelled(source: Source, name: string): boolean {
  const section = source.ini.get(name);
  const isCluster = ['uniqsign', 'primaryhost', 'secondaryhost'].some((key) => section?.entries.has(key));
  const meant = isCluster ? null : nearest(name, Object.keys(SHARED_KEYS));
  if (meant === null) return false;
  source.findings.mistake(
    section?.line ?? null,
    `[${name}] names no uniqsign and no host, so it is no cluster: did you mean [${meant}]?`,
  );
  return true;
}

function readCluster(source: Source, tag: string, reading: ClusterReading): ClusterConfig | null {
  const { values } = reading;
  checkTag(source, tag);
  checkCluster(source, reading);
  if (values === null) return null;
  return {
    tag,
    uniqsign: values.uniqsign,
    masters: [values.primaryhost, values.secondaryhost],
    database: values.database,
    user: values.user,
    password: values.password ?? '',
    excludeUsers: values.excludeuser,
    charset: values.charset,
    connectTimeoutMs: values.connect_timeout,
    intervalMs: values.interval,
    probeTimeoutMs: values.probe_timeout ?? values.connect_timeout,
    monitorLogfile: values.monitor_logfile,
    identifyLogfile: values.identify_logfile,
    fenceCmd: values.fence_cmd,
    policy: {
      fencing: values.fencing,
      probeIntervalMs: values.probe_interval,
      confirmMs: values.confirm,
      silenceMs: values.silence,
      freezeMs: values.freeze_timeout,
      tryTimes: values.try_times,
      maxLagMs: values.max_lag,
      catchupMs: values.catchup_timeout,
      writePauseMs: values.write_pause_budget,
      maxLostTransactions: values.max_lost_transactions,
      failback: values.failback,
      flapCount: values.flap_count,
      flapMs: values.flap_duration,
      autoSetOnlineMs: values.auto_set_online,
      monitorUser: values.user,
      leaseMs: values.lease_ttl,
      failoverCooldownMs: values.failover_cooldown,
    },
  };
}

function checkTag(source: Source, tag: string): void {
  if (Tag.safeParse(tag).success) return;
  const line = source.ini.get(tag)?.line ?? null;
  source.findings.mistake(line, `tag [${tag}] may hold at most 64 letters, digits, "_" and "-"`);
}

function checkCluster(source: Source, { sound, line }: ClusterReading): void {
  const { primaryhost, secondaryhost, confirm, silence, uniqsign } = sound;
  if (primaryhost !== undefined && primaryhost.toLowerCase() === secondaryhost?.toLowerCase()) {
    source.findings.mistake(
      line('secondaryhost'),
      `secondaryhost ${secondaryhost} is primaryhost too: name two servers`,
    );
  }
  if (confirm !== undefined && silence !== undefined && confirm > silence) {
    const at = line('confirm') ?? line('silence');
    source.findings.mistake(at, `confirm (${confirm}ms) must not be longer than silence (${silence}ms)`);
  }
  if (uniqsign !== undefined && uniqsign !== null) checkUniqsign(source, line('uniqsign'), uniqsign);
  checkLease(source, { sound, line });
}

/** Two writers are kept apart by these times alone: a set that cannot do it is refused. */
function checkLease(source: Source, { sound, line }: Pick<ClusterReading, 'sound' | 'line'>): void {
  const { lease_ttl: leaseMs, freeze_timeout: freezeMs } = sound;
  if (leaseMs === undefined) return;
  const why = whyUnsafe(leaseMs);
  if (why !== null) {
    source.findings.mistake(
      line('lease_ttl'),
      `lease_ttl (${leaseMs}ms) is too short: ${why}; the default is 5s`,
    );
    return;
  }
  const leftMs = leaseMs - leaseTimes(leaseMs).fenceMs;
  if (freezeMs === undefined || freezeMs <= leftMs) return;
  source.findings.mistake(
    line('freeze_timeout'),
    `freeze_timeout (${freezeMs}ms) must not be longer than ${leftMs}ms, which lease_ttl (${leaseMs}ms) leaves: shorten the one or lengthen the other`,
  );
}

/** Two clusters with one uniqsign, or one server, would fight over it. */
function refuseSharing(source: Source, readings: ReadonlyMap<string, ClusterReading>): void {
  const owners = new Map<string, string>();
  for (const [tag, { sound, line }] of readings) {
    for (const key of ['uniqsign', 'primaryhost', 'secondaryhost'] as const) {
      const value = sound[key];
      if (typeof value !== 'string') continue;
      const what = key === 'uniqsign' ? value : value.toLowerCase();
      const owner = owners.get(what) ?? tag;
      if (owner !== tag) source.findings.mistake(line(key), `${key} ${value} belongs to [${owner}] already`);
      owners.set(what, owner);
    }
  }
}
