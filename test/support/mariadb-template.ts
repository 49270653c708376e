/**
 * A ready MariaDB datadir with the accounts and the schema of the tests, made once per machine and copied by
 * every test: starting from a copy takes a fifth of the time of a new installation.
 */
import { execFile, spawn } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { programs } from './servers.ts';
import { setUp, templateFolder } from './template-folder.ts';

const run = promisify(execFile);

/** Name and password of every account in the template (from any host). root has no password, by the socket file only. */
export const accounts = {
  /** The account of the daemons, with exactly the privileges that they need. */
  mmm: { user: 'mmm', password: 'mmm-secret' },
  /** Reads and writes in schema `t`. */
  app: { user: 'app', password: 'app-secret' },
  /** May connect, nothing else. */
  verify: { user: 'verify', password: 'verify-secret' },
  repl: { user: 'repl', password: 'repl-secret' },
  /** An agent's account that may lock accounts too. */
  guard: { user: 'guard', password: 'guard-secret' },
} as const;

/** The privileges of the daemons' account on MariaDB 10.5 and later. */
export const MMM_GRANTS =
  'PROCESS, SLAVE MONITOR, READ_ONLY ADMIN, CONNECTION ADMIN, REPLICATION SLAVE ADMIN';

/** What it needs besides to lock accounts; and SELECT on the schema mysql. */
export const BLOCK_GRANTS = 'BINLOG ADMIN, CREATE USER';

const SETUP: readonly string[] = [
  'SET sql_log_bin=0',
  `CREATE USER mmm@'%' IDENTIFIED BY '${accounts.mmm.password}'`,
  `GRANT ${MMM_GRANTS} ON *.* TO mmm@'%'`,
  `CREATE USER app@'%' IDENTIFIED BY '${accounts.app.password}'`,
  "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, LOCK TABLES ON t.* TO app@'%'",
  `CREATE USER verify@'%' IDENTIFIED BY '${accounts.verify.password}'`,
  `CREATE USER repl@'%' IDENTIFIED BY '${accounts.repl.password}'`,
  "GRANT REPLICATION SLAVE ON *.* TO repl@'%'",
  `CREATE USER guard@'%' IDENTIFIED BY '${accounts.guard.password}'`,
  `GRANT ${MMM_GRANTS}, ${BLOCK_GRANTS} ON *.* TO guard@'%'`,
  "GRANT SELECT ON mysql.* TO guard@'%'",
  'CREATE DATABASE t',
  'CREATE TABLE t.x (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40)) ENGINE=InnoDB',
  'RESET MASTER',
  "SET GLOBAL gtid_slave_pos=''",
];

/** The template's folder; made when it is not there yet (about 2 s). */
export async function mariadbTemplate(): Promise<string> {
  const { mariadbd } = await programs();
  const version = (await run(mariadbd, ['--no-defaults', '--version'])).stdout;
  return templateFolder('mariadb', [version, ...SETUP], fill);
}

/**
 * As root `--user=root`: mariadbd wants that said. No other account is needed then, which a machine without an
 * installed MariaDB does not have, and which could not enter every temporary folder.
 */
export function runAs(): readonly string[] {
  return userInfo().uid === 0 ? ['--user=root'] : [];
}

async function fill(draft: string): Promise<void> {
  const { mariadbd, mariadbInstallDb } = await programs();
  const data = join(draft, 'data');
  const socket = join(draft, 's.sock');
  const auth = ['--auth-root-authentication-method=normal', '--skip-test-db'];
  await run(mariadbInstallDb, ['--no-defaults', ...runAs(), `--datadir=${data}`, ...auth], {
    timeout: 60_000,
  });
  const options = [
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--tmpdir=${draft}`,
    '--skip-networking',
    '--log-bin=bin',
  ];
  const small = ['--server-id=1', '--innodb-log-file-size=8M', '--innodb-buffer-pool-size=32M'];
  const server = spawn(mariadbd, ['--no-defaults', ...runAs(), ...options, ...small], { stdio: 'ignore' });
  await setUp(server, socket, SETUP);
  const logs = (await readdir(data)).filter((name) =>
    /^(?:bin\.|relay|multi-master|master\.info)/.test(name),
  );
  await Promise.all(logs.map((name) => rm(join(data, name))));
}
