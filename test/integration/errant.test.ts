/** What a member holds that the writer lacks: found in its binary logs, told, and saved so that it can be applied. */
import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import type { Hub } from '../../src/ports.ts';
import { type Build, build } from '../support/build.ts';
import { aTopology, SIGN } from '../support/documents.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { tempDir } from '../support/processes.ts';
import { startRedis } from '../support/redis.ts';

const run = promisify(execFile);
let built: Build;
let redis: Awaited<ReturnType<typeof startRedis>>;
let dir: Awaited<ReturnType<typeof tempDir>>;
let pair: Awaited<ReturnType<typeof startMariaPair>>;
let hub: Hub;

/** `a` writes; `b` was cut off and took three transactions that `a` will never see, in two logs. */
beforeAll(async () => {
  [built, redis, dir, pair] = await Promise.all([build(), startRedis(), tempDir('errant'), startMariaPair()]);
  hub = createRedisHub({ host: redis.host, port: redis.port });
  const app = await pair.a.session();
  for (const value of ['one', 'two']) await app.query(`INSERT INTO x (v) VALUES ('${value}')`);
  app.end();
  await pair.b.admin("SELECT MASTER_GTID_WAIT('0-1-2', 5)");
  for (const server of [pair.a, pair.b]) await server.admin('STOP SLAVE');
  await pair.b.admin("INSERT INTO t.x (v) VALUES ('lost one'), ('lost two')");
  await pair.b.admin('FLUSH BINARY LOGS');
  await pair.b.admin("UPDATE t.x SET v = 'lost change' WHERE v = 'one'");
  await pair.b.admin('CREATE TABLE t.lost (id INT PRIMARY KEY)');
  await pair.a.admin("INSERT INTO t.x (v) VALUES ('three')");
  await hub.commit(diverged());
  await writeFile(join(dir.path, 'mmm.conf'), site(), { mode: 0o600 });
});
afterAll(async () => {
  await hub.close();
  await Promise.all([pair.dispose(), redis[Symbol.asyncDispose](), built[Symbol.asyncDispose]()]);
  await dir[Symbol.asyncDispose]();
});

function diverged() {
  const [a, b] = [pair.a.address, pair.b.address];
  const next = {
    ...aTopology(),
    writer: a,
    from: b,
    to: a,
    members: [
      { address: a, role: 'writer', kind: 'master', state: 'online' } as const,
      {
        address: b,
        role: 'standby',
        kind: 'master',
        state: 'diverged',
        extra: { count: 3, list: '0-2-3..5' },
      } as const,
    ],
  };
  return {
    basedOn: null,
    next,
    events: [],
    legacy: null,
    announceOn: null,
    takes: null,
    answers: [],
  };
}

function site(): string {
  const { user, password } = accounts.mmm;
  return `[one]
uniqsign=${SIGN}
primaryhost=${pair.a.address}
secondaryhost=${pair.b.address}
user=${user}
password=${password}
[redis]
host=${redis.host}:${redis.port}
[state]
dir=${dir.path}/state
`;
}

const errant = (...args: readonly string[]) =>
  execa(
    process.execPath,
    [built.bin('mmm-control'), 'errant', ...args, '--conf', join(dir.path, 'mmm.conf')],
    {
      cwd: dir.path,
      reject: false,
    },
  );

test('list names the member and its transactions', async () => {
  const { stdout, exitCode } = await errant('list');
  expect(stdout).toBe(`[one] ${pair.b.address} (diverged) holds up to 3 transactions: 0-2-3..5`);
  expect(exitCode).toBe(0);
});

test('an account that may not read binary logs is told what it lacks, and nothing is left behind', async () => {
  const { stderr, exitCode } = await errant('export', pair.b.address, '--out', join(dir.path, 'no.sql'));
  expect(stderr).toContain('GRANT BINLOG MONITOR');
  expect(exitCode).toBe(1);
  await expect(stat(join(dir.path, 'no.sql'))).rejects.toThrow('ENOENT');
});

test('export saves exactly these transactions, and they can be applied', async () => {
  await pair.b.admin(`GRANT BINLOG MONITOR, REPLICATION SLAVE ON *.* TO ${accounts.mmm.user}@'%'`);
  const file = join(dir.path, 'kept.sql');
  const { stdout, exitCode, stderr } = await errant('export', pair.b.address, '--out', file);
  expect(stderr).toBe('');
  console.log(stdout);
  expect(exitCode).toBe(0);
  // GRANT went into the binary log too.
  expect(stdout).toContain(
    `4 in the binary log of ${pair.b.address} that the writer ${pair.a.address} lacks:`,
  );
  expect(stdout).toMatch(/ 0-2-3 {2}INSERT t\.x \(2\)\n/);
  expect(stdout).toMatch(/ 0-2-4 {2}UPDATE t\.x\n/);
  expect(stdout).not.toContain('lost');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain("'three'");
  expect(text).not.toMatch(/GTID 0-1-/);

  // As the documentation says: as transactions of the server they are applied to.
  const applied = text.replace(/^.*SET @@session\.(gtid_seq_no|gtid_domain_id|server_id)=.*$/gm, '');
  await writeFile(join(dir.path, 'applied.sql'), applied);
  const { socket } = pair.a;
  await run('sh', ['-c', `mariadb --no-defaults -uroot -S ${socket} < ${join(dir.path, 'applied.sql')}`]);
  const rows = await pair.a.admin('SELECT v FROM t.x ORDER BY v');
  expect(rows.map(({ v }) => v)).toEqual(['lost change', 'lost one', 'lost two', 'three', 'two']);
});

test('nothing is overwritten, and a program that is not there is named', async () => {
  const file = join(dir.path, 'there.sql');
  await writeFile(file, 'mine');
  await pair.b.admin("INSERT INTO t.x (v) VALUES ('another')");
  const there = await errant('export', pair.b.address, '--out', file);
  expect(there.stderr).toContain(`${file} cannot be made: a file of that name stands in the way`);
  expect(await readFile(file, 'utf8')).toBe('mine');
  const { stderr } = await errant('show', pair.b.address, '--program', 'no-such-program');
  expect(stderr).toContain('no-such-program is not installed here');
});

test('no password is seen among the running processes', async () => {
  const shown = errant('show', pair.b.address, '--json', '--program', join(dir.path, 'slow'));
  await writeFile(join(dir.path, 'slow'), '#!/bin/sh\nps -eo args\n', { mode: 0o755 });
  const { stdout } = await shown;
  expect(stdout).not.toContain(accounts.mmm.password);
});
