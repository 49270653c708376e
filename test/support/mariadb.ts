import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type DbPair,
  type DbServer,
  describeServer,
  memberOptions,
  type PairOptions,
  startPair,
} from './db-server.ts';
import { accounts, mariadbTemplate, runAs } from './mariadb-template.ts';
import { freePorts, tempDir } from './processes.ts';
import { programs } from './servers.ts';

const run = promisify(execFile);

export type MariaServer = DbServer;
export type MariaPair = DbPair;

/** Two MariaDB servers that replicate from each other by GTID, read-only but for one; about 0.4 s. */
export async function startMariaPair(options: PairOptions = {}): Promise<DbPair> {
  const dir = await tempDir('maria');
  const folder = dir.path;
  const args = options.args ?? [];
  const [a, b] = await Promise.all([prepare(folder, 1, args), prepare(folder, 2, args)]);
  return startPair([a, b], options, follow, async () => dir[Symbol.asyncDispose]());
}

/** Where a server of a pair lives, when it is not on loopback. */
interface Place {
  readonly parent: string;
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly netns: string;
}

/** A server in a network namespace, not started yet. */
export function describeMariadbAt(place: Place, args: readonly string[] = []): Promise<DbServer> {
  const { parent, id, host } = place;
  const listen = ['--bind-address=0.0.0.0', `--report-host=${host}`];
  return prepare(parent, id, [...listen, ...args], place);
}

/** Makes `replica` read from `source`. */
export async function follow(replica: DbServer, source: DbServer): Promise<void> {
  const login = `master_user='${accounts.repl.user}', master_password='${accounts.repl.password}'`;
  await replica.admin(
    `CHANGE MASTER TO master_host='${hostOf(source)}', master_port=${source.port}, ${login}, ` +
      'master_use_gtid=slave_pos, master_heartbeat_period=0.5, master_connect_retry=1',
  );
  await replica.admin('START SLAVE');
}

function hostOf(server: DbServer): string {
  return server.address.split(':')[0] ?? '';
}

async function prepare(
  parent: string,
  id: number,
  args: readonly string[],
  place?: Place,
): Promise<DbServer> {
  const template = await mariadbTemplate();
  const { mariadbd } = await programs();
  const folder = join(parent, String(id));
  await mkdir(folder);
  await run('cp', ['-a', template, join(folder, 'data')]);
  const port = place?.port ?? (await freePorts(1))[0] ?? 0;
  return describeServer({
    replication: 'mariadb',
    program: mariadbd,
    args: [...optionsFor(folder, id, port), ...args],
    folder,
    port,
    ...(place !== undefined && { host: place.host, netns: place.netns }),
  });
}

function optionsFor(folder: string, id: number, port: number): readonly string[] {
  const small = ['--innodb-buffer-pool-size=32M', '--innodb-log-file-size=8M', '--performance-schema=OFF'];
  const own = [`--datadir=${folder}/data`, '--gtid-strict-mode=1', ...small];
  return ['--no-defaults', ...runAs(), ...memberOptions(folder, id, port), ...own];
}
