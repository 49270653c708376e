/** `[redis]`, `[log]` and `[state]`: the same in every file. */
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { endpoint, isAddress } from '../core/address.ts';
import { Uniqsign } from '../core/model.ts';
import { UsageError } from '../errors.ts';
import { readSection } from './section.ts';
import type { Source } from './source.ts';
import { readTls, TLS_KEYS } from './tls.ts';
import type { RedisConfig, StateConfig } from './types.ts';
import { address, integer, path, secret, text } from './values.ts';

export const SHARED_KEYS = {
  redis: {
    host: address(),
    username: text(null),
    password: secret(),
    db: integer(0, 0, 65_535),
    topic: text('mmm-switch-channel', /^\S{1,256}$/, 'one word'),
    ...TLS_KEYS,
  },
  log: { logfile: path() },
  state: {
    dir: text(null, /^\//, 'a path that begins with /'),
    id: text(null, /^[A-Za-z0-9_.-]{1,128}$/, 'at most 128 letters, digits, "_", "." or "-"'),
  },
} as const;

export interface SharedConfig {
  readonly redis: RedisConfig;
  readonly state: StateConfig;
  readonly logFile: string | null;
}

/** Null when the sections hold a mistake. `usualName`: the file name that adds nothing to the id. */
export function readShared(source: Source, usualName: string, redisOverride?: string): SharedConfig | null {
  const redis = readRedis(source, redisOverride);
  const log = readSection(source, 'log', SHARED_KEYS.log).values;
  const state = readSection(source, 'state', SHARED_KEYS.state).values;
  if (redis === null || log === null || state === null) return null;
  return {
    redis,
    logFile: log.logfile,
    state: { dir: state.dir ?? defaultStateDir(), id: state.id ?? defaultId(source.file, usualName) },
  };
}

/** Warns about a uniqsign that no `mmm-uniqsign` made; false when it cannot be one at all. */
export function checkUniqsign(source: Source, line: number | null, uniqsign: string): boolean {
  if (/^[0-9a-fA-F]{32}$/.test(uniqsign)) return true;
  if (!Uniqsign.safeParse(uniqsign).success) {
    source.findings.mistake(line, 'uniqsign must be 32 hex digits: mmm-uniqsign prints a new one');
    return false;
  }
  source.findings.warn(
    line,
    `uniqsign ${uniqsign} is not 32 hex digits: make sure that no other cluster uses it`,
  );
  return true;
}

function readRedis(source: Source, override: string | undefined): RedisConfig | null {
  if (override !== undefined && !isAddress(override)) {
    throw new UsageError(`--redis must be host:port, not ${JSON.stringify(override)}`);
  }
  const section = readSection(source, 'redis', SHARED_KEYS.redis);
  const at = override ?? section.sound.host;
  if (at === null) {
    source.findings.mistake(section.line('host'), '[redis] needs host=host:port, such as 10.0.21.17:6379');
  }
  const { username: user, password: secret } = section.sound;
  if (typeof user === 'string' && secret === null) {
    source.findings.mistake(section.line('username'), 'username needs password or password_file: set one');
  }
  const tls = readTls(source, section);
  if (section.values === null || at === null || at === undefined) return null;
  const { username, password, db, topic } = section.values;
  return { ...endpoint(at), username, password, db, topic, tls };
}

/** systemd names a folder of its own for each instance of a unit (StateDirectory=). */
function defaultStateDir(): string {
  const [given = ''] = (process.env.STATE_DIRECTORY ?? '').split(':');
  return given.startsWith('/') ? given : '/var/lib/mmm-manager';
}

function defaultId(file: string, usualName: string): string {
  const name = basename(file);
  const suffix = name === usualName ? '' : `-${basename(name, '.conf')}`;
  return `${hostname()}${suffix}`.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 128);
}
