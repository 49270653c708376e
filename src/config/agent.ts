import { BLOCK_KEYS, readBlock } from './block.ts';
import { MAIL_KEYS, readMail } from './mail.ts';
import { complainOfSections, namesOf, type Reading, readSection } from './section.ts';
import { readShared, SHARED_KEYS } from './shared-sections.ts';
import { openSource, type Source } from './source.ts';
import type { AgentConfig, LoadOptions, LocalConfig } from './types.ts';
import { addresses, choice, duration, integer, list, required, secret, text } from './values.ts';

const MYSQL_KEYS = {
  database: text(null),
  user: required(text(null)),
  password: secret(),
  charset: text('utf8', /^[A-Za-z0-9_]{1,64}$/, 'a character set'),
  connect_timeout: duration(1000, 1),
  try_on_failure: integer(3, 1, 1000),
  members: addresses(),
  this: addresses(),
  pid_file: list((file) => file.startsWith('/'), 'paths that begin with / between commas'),
  starts_closed: choice(['auto', 'yes', 'no']),
  ...BLOCK_KEYS,
  ...MAIL_KEYS,
} as const;

/** Every key of `mmm-agent.conf` that works, by section. */
export const AGENT_KEYS: Readonly<Record<string, readonly string[]>> = {
  mysql: namesOf(MYSQL_KEYS),
  redis: namesOf(SHARED_KEYS.redis),
  log: namesOf(SHARED_KEYS.log),
  state: namesOf(SHARED_KEYS.state),
};

/**
 * Reads `mmm-agent.conf`, which names no clusters: filtering by tag is for who knows the topology.
 * Rejects with ConfigError (all mistakes of the file) or UsageError (`--redis`).
 */
export async function loadAgentConfig(
  file: string,
  options: Pick<LoadOptions, 'redis'> = {},
): Promise<AgentConfig> {
  const source = await openSource(file);
  const shared = readShared(source, 'mmm-agent.conf', options.redis);
  const section = readSection(source, 'mysql', MYSQL_KEYS);
  const mysql = section.values;
  const mail = readMail(source, section);
  const block = readBlock(source, section);
  const locals = readLocals(source, section);
  complainOfSections(source, Object.keys(AGENT_KEYS), () => false);
  if (mysql?.members.length === 0) {
    source.findings.warn(
      source.ini.get('mysql')?.line ?? null,
      'without members, whoever can write to Redis can make the agent log in anywhere: list the servers in members=',
    );
  }
  source.findings.refuse();
  if (shared === null || mysql === null) throw new Error('a mistake was not recorded');
  return {
    file,
    ...shared,
    mysql: {
      database: mysql.database,
      user: mysql.user,
      password: mysql.password ?? '',
      charset: mysql.charset,
      connectTimeoutMs: mysql.connect_timeout,
      tryOnFailure: mysql.try_on_failure,
      startsClosed: mysql.starts_closed,
      members: mysql.members.length === 0 ? null : mysql.members,
      locals,
      block,
    },
    mail,
    warnings: source.findings.warnings(),
  };
}

/** The servers this agent sits next to; nothing when any of it is mistaken. */
function readLocals(source: Source, section: Reading<typeof MYSQL_KEYS>): readonly LocalConfig[] {
  const { this: own = [], pid_file: pidFiles = [], members = [] } = section.sound;
  const stranger = own.find((address) => members.length > 0 && !members.includes(address));
  if (stranger !== undefined) {
    source.findings.mistake(section.line('this'), `this names ${stranger}, which is not in members`);
  }
  if (pidFiles.length > 0 && pidFiles.length !== own.length) {
    const counts = `${pidFiles.length} for ${own.length} in this`;
    source.findings.mistake(
      section.line('pid_file'),
      `pid_file must name one file for each server of this, in the same order: there are ${counts}`,
    );
  }
  return own.map((address, index) => ({ address, pidFile: pidFiles[index] ?? null }));
}
