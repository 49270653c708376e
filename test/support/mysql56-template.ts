/** A ready MySQL 5.6 datadir with the accounts and the schema of the tests, made once per machine. */
import { execFile, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { accounts, runAs } from './mariadb-template.ts';
import type { Mysql56 } from './mysql56-program.ts';
import { setUp, templateFolder } from './template-folder.ts';

const run = promisify(execFile);

/** The privileges of the daemons' account on MySQL 5.6. */
export const MYSQL56_GRANTS = 'SUPER, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE';

const SETUP: readonly string[] = [
  // Accounts without a name, and root from elsewhere, would be taken before the tests' own.
  "DELETE FROM mysql.user WHERE User = '' OR Host <> 'localhost'",
  'FLUSH PRIVILEGES',
  `GRANT ${MYSQL56_GRANTS} ON *.* TO mmm@'%' IDENTIFIED BY '${accounts.mmm.password}'`,
  `CREATE USER app@'%' IDENTIFIED BY '${accounts.app.password}'`,
  "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, LOCK TABLES ON t.* TO app@'%'",
  `CREATE USER verify@'%' IDENTIFIED BY '${accounts.verify.password}'`,
  `GRANT REPLICATION SLAVE ON *.* TO repl@'%' IDENTIFIED BY '${accounts.repl.password}'`,
  `GRANT ${MYSQL56_GRANTS} ON *.* TO guard@'%' IDENTIFIED BY '${accounts.guard.password}'`,
  "GRANT SELECT, UPDATE ON mysql.* TO guard@'%'",
  'CREATE DATABASE t',
  'CREATE TABLE t.x (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40)) ENGINE=InnoDB',
];

/** Options of every server with a datadir of the template. */
export function commonOptions(program: Mysql56, data: string): readonly string[] {
  return [
    '--no-defaults',
    ...runAs(),
    `--basedir=${program.folder}`,
    `--lc-messages-dir=${program.folder}/share`,
    `--character-sets-dir=${program.folder}/share/charsets`,
    `--datadir=${data}`,
    '--innodb-log-file-size=8M',
    '--innodb-buffer-pool-size=32M',
    '--performance-schema=OFF',
    '--explicit-defaults-for-timestamp',
  ];
}

/** The template's folder; made when it is not there yet (about 2 s). It holds no `auto.cnf`: each copy needs its own. */
export async function mysql56Template(program: Mysql56): Promise<string> {
  return templateFolder('mysql56', [program.folder, ...SETUP], (draft) => fill(program, draft));
}

async function fill(program: Mysql56, draft: string): Promise<void> {
  const data = join(draft, 'data');
  const socket = join(draft, 's.sock');
  await run('cp', ['-a', join(program.folder, 'data/mysql'), data]);
  const options = [`--socket=${socket}`, `--tmpdir=${draft}`, `--pid-file=${draft}/pid`, '--skip-networking'];
  const server = spawn(program.mysqld, [...commonOptions(program, data), ...options], {
    stdio: 'ignore',
    env: { ...process.env, ...program.env },
  });
  await setUp(server, socket, SETUP);
  await rm(join(data, 'auto.cnf'));
}
