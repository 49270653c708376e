/**
 * docs/upgrade-from-perl.md, walked through: a site of the ancestor with its own configuration files moves over
 * without anything being opened, closed or announced, switches, and goes back.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDaemon, type Daemon, type DaemonName } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { readLegacy } from '../support/legacy-reader.ts';
import { type MariaPair, startMariaPair } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { type PerlPrograms, startPerlPrograms } from '../support/perl-programs.ts';
import { freePorts, tempDir } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { runCommand } from '../support/run-command.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/ancestor');
const UNIQSIGN = '8d9a4b2924dc40baa792d742cb786345';
const TOPIC = 'mmm-switch-channel';

describe('a site of the Perl programs moves over and goes back', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let pair: MariaPair;
  let redis: RedisServer;
  let perl: PerlPrograms;
  let daemons: Readonly<Record<'monitor' | 'identify' | 'agent', Daemon>>;
  let ear: RedisServer['client'];
  const messages: string[] = [];

  const startPerl = () =>
    startPerlPrograms({ redis: redis.client, uniqsign: UNIQSIGN, topic: TOPIC, servers: [pair.a, pair.b] });
  const conf = (name: string) => join(dir.path, name);
  const status = () => runCommand('mmm-status', ['--conf', conf('mmm.conf')]);
  const control = (...args: readonly string[]) =>
    runCommand('mmm-control', ['--conf', conf('mmm.conf'), ...args]);
  const isClosed = async (server: MariaPair['a']) =>
    (await server.admin('SELECT @@read_only AS closed'))[0]?.closed;

  beforeAll(async () => {
    [dir, pair, redis] = await Promise.all([
      tempDir('upgrade'),
      startMariaPair({ writable: 'a' }),
      startRedis(),
    ]);
    await writeConfigs(dir.path, pair, redis);
    for (const server of [pair.a, pair.b]) {
      const grant = "ON *.* TO mmm@'%'";
      await server.admin(`SET STATEMENT sql_log_bin=0 FOR GRANT SELECT, BINLOG ADMIN, CREATE USER ${grant}`);
    }
    // As StateDirectory= of a unit does: the ancestor's files name no folder.
    process.env.STATE_DIRECTORY = join(dir.path, 'state');
    const daemon = (name: DaemonName, file: string) =>
      createDaemon({ name, configFile: conf(file), logFile: conf(`${name}.out`) });
    daemons = {
      monitor: daemon('mmm-monitor', 'mmm.conf'),
      identify: daemon('mmm-identify', 'mmm.conf'),
      agent: daemon('mmm-agent', 'mmm-agent.conf'),
    };
    perl = await startPerl();
    await perl.switchTo(pair.a);
    ear = redis.client.duplicate();
    ear.on('message', (_channel, message: string) => messages.push(message));
    await ear.subscribe(TOPIC);
  });
  afterAll(async () => {
    delete process.env.STATE_DIRECTORY;
    ear?.disconnect();
    await perl?.stop();
    await Promise.all(Object.values(daemons ?? {}).map((daemon) => daemon[Symbol.asyncDispose]()));
    await pair?.dispose();
    await redis?.[Symbol.asyncDispose]();
    await dir?.[Symbol.asyncDispose]();
  });

  test('step 1: mmm-status reads what the Perl programs write', async () => {
    const { stdout, code } = await eventually('the checks are of now', status, (now) => now.code === 0);
    expect(stdout).toContain(`[mysql3308]\n  active: ${pair.a.address}(alive readonly: 0, replcheck: OK)\n`);
    expect(stdout).toContain('only the Perl mmm-identify decides');
    show('with the Perl programs', stdout, code);
  });

  test('step 2: mmm-monitor beside them changes nothing that they read', async () => {
    daemons.monitor.start();
    await eventually(
      'facts',
      () => redis.client.keys('*-facts-*'),
      (keys) => keys.length === 1,
    );
    expect(await redis.client.hgetall(key('master'))).toEqual({ host: pair.a.address });
    expect((await status()).code).toBe(0);
  });

  test('step 3: without them ours adopt the writer: nothing is opened, closed or announced', async () => {
    await perl.stop();
    const before = await redis.client.hgetall(key('mode'));
    daemons.agent.start();
    daemons.identify.start();
    const { stdout, code } = await eventually(
      'all is well',
      status,
      (now) => now.code === 0 && now.stdout.includes('generation 1'),
      { withinMs: 30_000 },
    );
    show('with ours', stdout, code);
    expect(await Promise.all([isClosed(pair.a), isClosed(pair.b)])).toEqual([0, 1]);
    expect(await redis.client.hgetall(key('mode'))).toEqual(before);
    expect(messages).toEqual([]);
    // No daemon has refused or misread a file of the ancestor.
    for (const daemon of Object.values(daemons)) expect(daemon.alive()).toBe(true);
  });

  test('step 4: a switchover is announced once, in the words of the ancestor', async () => {
    const { stdout, code } = await control('switchover');
    show('mmm-control switchover', stdout, code);
    expect(code).toBe(0);
    await eventually('well again', status, (now) => now.code === 0);
    const legacy = await readLegacy(redis.client, UNIQSIGN);
    expect(legacy.mode).toEqual({ active: pair.b.address, passive: pair.a.address });
    expect(legacy.master.host).toBe(pair.b.address);
    expect(await Promise.all([isClosed(pair.a), isClosed(pair.b)])).toEqual([1, 0]);
    expect(messages).toEqual([
      `active: ${pair.b.address}, passive: ${pair.a.address}, uniqsign: ${UNIQSIGN}`,
    ]);
    show(
      'mmm-status events',
      (await runCommand('mmm-status', ['events', '--conf', conf('mmm.conf')])).stdout,
      0,
    );
  });

  test('the way back: ours stopped and undone, the Perl programs go on where we were', async () => {
    for (const daemon of Object.values(daemons)) expect((await daemon.term()).code).toBe(0);
    const left = JSON.parse((await control('leave', '--dry-run', '--json')).stdout);
    const ours = left.items.filter((item: Item) => item.place === 'redis' && !item.what.includes('Perl'));
    for (const command of ours.flatMap((item: Item) => item.undo)) {
      const [name = '', ...args] = command.split(' ');
      await redis.client.call(name, ...args);
    }
    show('mmm-control leave --dry-run', (await control('leave', '--dry-run')).stdout, 0);
    const names = (await redis.client.keys('*')).map((name) => name.replace(/^mysql-[^-]+-/, ''));
    expect(names.filter((name) => /topology|events|facts|agent|clusters/.test(name))).toEqual([]);
    expect(await redis.client.hgetall(key('mode'))).toEqual({
      active: pair.b.address,
      passive: pair.a.address,
    });
    expect(await redis.client.hgetall(key('master'))).toEqual({ host: pair.b.address });
    perl = await startPerl();
    expect(await redis.client.get(key('primaryhost'))).toBe(pair.a.address);
    await perl.switchTo(pair.a);
    await eventually('the Perl programs switch', status, (now) =>
      now.stdout.includes(`active: ${pair.a.address}(alive readonly: 0`),
    );
    expect(await Promise.all([isClosed(pair.a), isClosed(pair.b)])).toEqual([0, 1]);
  });
});

interface Item {
  readonly place: string;
  readonly what: string;
  readonly undo: readonly string[];
}

function key(name: string): string {
  return `mysql-${UNIQSIGN}-${name}`;
}

/** The ancestor's shipped files with the addresses, the account and the log folder of this site. */
async function writeConfigs(folder: string, { a, b }: MariaPair, redis: RedisServer): Promise<void> {
  const [noMail] = await freePorts(1);
  await mkdir(join(folder, 'log'));
  for (const name of ['mmm.conf', 'mmm-agent.conf']) {
    const text = (await readFile(join(FIXTURES, name), 'utf8'))
      .replaceAll('10.0.21.5:3308', a.address)
      .replaceAll('10.0.21.7:3308', b.address)
      .replaceAll('10.0.21.17:6379', `${redis.host}:${redis.port}`)
      .replace('email_server=10.0.21.5', `email_server=127.0.0.1:${noMail}`)
      .replace('user=user_mmm', `user=${accounts.mmm.user}`)
      .replace('password=xxxxxxxx', `password=${accounts.mmm.password}`)
      .replaceAll('/var/log/mmm-manager/', join(folder, 'log/'));
    await writeFile(join(folder, name), text, { mode: 0o600 });
  }
}

function show(what: string, text: string, code: number): void {
  console.log(`${what} (exit ${code}):\n${text}`);
}
