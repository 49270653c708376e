/** The configuration files of a whole site, as an operator would write them. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accounts } from './mariadb-template.ts';

export interface Site {
  readonly folder: string;
  readonly tag: string;
  readonly uniqsign: string;
  /** primaryhost first. */
  readonly members: readonly [string, string];
  /** `host:port` */
  readonly redis: string;
  readonly haproxy: {
    readonly configFile: string;
    readonly socket: string;
    readonly port: number;
    readonly checkCommand: string;
    readonly reloadCommand: string;
  };
  /** More keys for the tag section of mmm.conf, such as `write_pause_budget=500ms`. */
  readonly clusterKeys?: readonly string[];
  /** More keys for [mysql] of mmm-agent.conf. */
  readonly agentKeys?: readonly string[];
  /** Name of this machine in Redis; default `site`. */
  readonly id?: string;
}

export interface SiteFiles {
  readonly mmm: string;
  readonly agent: string;
  readonly sidecar: string;
}

/** Writes mmm.conf, mmm-agent.conf and mmm-sidecar.conf and returns their paths. */
export async function writeSiteFiles(site: Site): Promise<SiteFiles> {
  const files: SiteFiles = {
    mmm: join(site.folder, 'mmm.conf'),
    agent: join(site.folder, 'mmm-agent.conf'),
    sidecar: join(site.folder, 'mmm-sidecar.conf'),
  };
  await mkdir(join(site.folder, 'templates'), { recursive: true });
  await writePrivate(files.mmm, mmmConf(site));
  await writePrivate(files.agent, agentConf(site));
  await writePrivate(files.sidecar, sidecarConf(site));
  return files;
}

function mmmConf(site: Site): string {
  const [primary, secondary] = site.members;
  return lines(
    `[${site.tag}]`,
    'database=information_schema',
    `primaryhost=${primary}`,
    `secondaryhost=${secondary}`,
    'excludeuser=root, mmm, repl',
    `user=${accounts.mmm.user}`,
    `password=${accounts.mmm.password}`,
    `uniqsign=${site.uniqsign}`,
    'servicemode=1',
    'charset=utf8',
    'connect_timeout=1',
    'interval=3',
    'try_times=2',
    // Tests crash a server more often in an hour than any site: its state is to be told without that.
    'flap_count=1000',
    ...(site.clusterKeys ?? []),
    ...redisSection(site),
    ...stateSection(site),
  );
}

function agentConf(site: Site): string {
  return lines(
    '[mysql]',
    'database=information_schema',
    `user=${accounts.mmm.user}`,
    `password=${accounts.mmm.password}`,
    'charset=utf8',
    'connect_timeout=1',
    'try_on_failure=3',
    // They are started with --read-only and --skip-slave-start.
    'starts_closed=yes',
    `members=${site.members.join(', ')}`,
    ...(site.agentKeys ?? []),
    ...redisSection(site),
    ...stateSection(site),
  );
}

function sidecarConf(site: Site): string {
  const { configFile, socket, port, checkCommand, reloadCommand } = site.haproxy;
  return lines(
    ...redisSection(site),
    ...stateSection(site),
    '[sidecar]',
    `templates_dir=${join(site.folder, 'templates')}`,
    `[cluster ${site.tag}]`,
    `uniqsign=${site.uniqsign}`,
    `members=${site.members.join(', ')}`,
    '[target haproxy]',
    'kind=haproxy',
    `dest=${configFile}`,
    'mode=0644',
    `check_cmd=${checkCommand}`,
    `reload_cmd=${reloadCommand}`,
    `socket=${socket}`,
    `bind=127.0.0.1:${port}`,
    `listen=127.0.0.1:${port}`,
    `verify_user=${accounts.verify.user}`,
    `verify_password=${accounts.verify.password}`,
  );
}

function redisSection(site: Site): readonly string[] {
  return ['[redis]', `host=${site.redis}`, 'password=', 'topic=mmm-switch-channel'];
}

function stateSection(site: Site): readonly string[] {
  return ['[state]', `dir=${join(site.folder, 'state')}`, `id=${site.id ?? 'site'}`];
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}

/** The files hold passwords. */
async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text);
  await chmod(file, 0o600);
}
