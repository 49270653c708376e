import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
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
import { accounts } from './mariadb-template.ts';
import { type Mysql56, mysql56 } from './mysql56-program.ts';
import { commonOptions, mysql56Template } from './mysql56-template.ts';
import { freePorts, tempDir } from './processes.ts';

const run = promisify(execFile);

export interface MysqlPairOptions extends PairOptions {
  /** Replicate by GTID; else by file and position. */
  readonly gtid: boolean;
}

/** Two MySQL 5.6 servers that replicate from each other, read-only but for one; about 0.5 s. */
export async function startMysqlPair(options: MysqlPairOptions): Promise<DbPair> {
  const program = await mysql56();
  if (program === null) throw new Error('MySQL 5.6 cannot be had on this machine');
  const dir = await tempDir('mysql');
  const [a, b] = await Promise.all([
    prepare(program, dir.path, 1, options),
    prepare(program, dir.path, 2, options),
  ]);
  return startPair([a, b], options, follow, async () => dir[Symbol.asyncDispose]());
}

async function follow(replica: DbServer, source: DbServer): Promise<void> {
  const login = `master_user='${accounts.repl.user}', master_password='${accounts.repl.password}'`;
  const where =
    replica.replication === 'gtid'
      ? 'master_auto_position=1'
      : "master_log_file='bin.000001', master_log_pos=4";
  await replica.admin(
    `CHANGE MASTER TO master_host='127.0.0.1', master_port=${source.port}, ${login}, ${where}, ` +
      'master_heartbeat_period=0.5, master_connect_retry=1',
  );
  await replica.admin('START SLAVE');
}

async function prepare(
  program: Mysql56,
  parent: string,
  id: number,
  { gtid, args = [] }: MysqlPairOptions,
): Promise<DbServer> {
  const template = await mysql56Template(program);
  const folder = join(parent, String(id));
  const data = join(folder, 'data');
  await mkdir(folder);
  await run('cp', ['-a', template, data]);
  // Two servers that make their own in the same instant were seen to make the same one.
  await writeFile(join(data, 'auto.cnf'), `[auto]\nserver-uuid=${randomUUID()}\n`);
  const [port = 0] = await freePorts(1);
  return describeServer({
    replication: gtid ? 'gtid' : 'position',
    program: program.mysqld,
    args: [
      ...commonOptions(program, data),
      ...memberOptions(folder, id, port),
      ...CRASH_SAFE,
      ...gtidOptions(gtid),
      ...args,
    ],
    env: program.env,
    folder,
    port,
  });
}

function gtidOptions(gtid: boolean): readonly string[] {
  return gtid ? ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'] : [];
}

/** A crash must leave the place of a link as it was with the data. */
const CRASH_SAFE = [
  '--master-info-repository=TABLE',
  '--relay-log-info-repository=TABLE',
  '--relay-log-recovery=1',
];
