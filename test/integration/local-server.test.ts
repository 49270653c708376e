/** The process of a real server: found, asked how it starts, killed, known to be gone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalServer } from '../../src/host/local-server.ts';
import type { LocalServer, ServerProcess } from '../../src/ports.ts';
import { createExec } from '../../src/system/exec.ts';
import { eventually } from '../support/eventually.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { runAs } from '../support/mariadb-template.ts';
import { startProcess, tempDir } from '../support/processes.ts';
import { programs } from '../support/servers.ts';

const exec = createExec({ timeoutMs: 5000 });
let pair: Awaited<ReturnType<typeof startMariaPair>>;

beforeEach(async () => {
  pair = await startMariaPair({ linked: false, writable: 'none' });
});
afterEach(() => pair.dispose());

function local(pidFile: string | null = null): LocalServer {
  return createLocalServer({ address: pair.a.address, pidFile, run: exec.run });
}

async function found(server: LocalServer): Promise<ServerProcess> {
  const process = await server.find();
  if (process === null) throw new Error('the process was not found');
  return process;
}

test('it is found by its port and by its pid file, and by neither once it is dead', async () => {
  const byFile = local(`${pair.a.folder}/pid`);
  expect((await found(local())).pid).toBe(pair.a.pid);
  expect(await found(byFile)).toEqual(await found(local()));
  await pair.a.kill9();
  expect(await local().find()).toBeNull();
  expect(await byFile.find()).toBeNull();
});

test('no other program is taken for it: not one on its port, nor one that has its pid', async () => {
  const [host = '', port = ''] = pair.a.address.split(':');
  expect(host).toBe('127.0.0.1');
  const other = createServer().listen(Number(port), '127.0.0.2');
  await once(other, 'listening');
  try {
    expect((await found(local())).pid).toBe(pair.a.pid);
    await pair.a.kill9();
    expect(await local().find()).toBeNull();
    const file = `${pair.a.folder}/pid`;
    await writeFile(file, `${process.pid}\n`);
    expect(await local(file).find()).toBeNull();
  } finally {
    other.close();
  }
});

test('gone is said of a dead process alone: not of a frozen one, and not while its successor serves', async () => {
  const server = local();
  const process = await found(server);
  expect(await server.isGone(process)).toBe(false);
  pair.a.freeze();
  expect(await server.isGone(process)).toBe(false);
  pair.a.thaw();
  await pair.a.kill9();
  expect(await server.isGone(process)).toBe(true);
  await pair.a.start();
  expect(await server.isGone(process)).toBe(false);
  expect(await found(server)).not.toEqual(process);
});

test('even a frozen server is killed, and nobody else who has its pid', async () => {
  const server = local();
  const process = await found(server);
  await server.kill({ ...process, startedAt: '1' }, 1000);
  expect(pair.a.pid).toBe(process.pid);
  pair.a.freeze();
  await server.kill(process, 1000);
  expect(await server.isGone(process)).toBe(true);
});

test('how it starts is known from its command line, whatever somebody has set since', async () => {
  const server = local();
  expect(await server.startsClosed(await found(server))).toBe(true);
  await pair.a.admin('SET GLOBAL read_only=0');
  expect(await server.startsClosed(await found(server))).toBe(true);
  await pair.a.kill9();
  await pair.a.start(['--read-only=0']);
  expect(await server.startsClosed(await found(server))).toBe(false);
});

test('how it starts is known from its option files, and anew when they change', async () => {
  const { mariadbd } = await programs();
  await using folder = await tempDir('options');
  const file = join(folder.path, 'my.cnf');
  const { address, port, folder: home } = pair.b;
  await pair.b.shutdown();
  await writeFile(file, '[mysqld]\nread_only=1\n[mariadb]\nread_only=0\n');
  const places = [`--datadir=${home}/data`, `--socket=${home}/s.sock`, `--port=${port}`];
  const child = startProcess('database', mariadbd, [`--defaults-file=${file}`, ...runAs(), ...places], {
    logFile: join(folder.path, 'log'),
  });
  const server = createLocalServer({ address, pidFile: null, run: exec.run });
  try {
    await eventually('the server listens', () => server.find());
    expect(await server.startsClosed(await found(server))).toBe(false);
    await writeFile(file, '[mysqld]\nread_only=1\n');
    expect(await server.startsClosed(await found(server))).toBe(true);
  } finally {
    child.signal('SIGKILL');
    await child.exited;
  }
});

test.runIf(process.getuid?.() === 0)('root runs no program of another user but as that user', async () => {
  const user = { uid: 65_534, gid: 65_534 };
  const child = spawn('sleep', ['60'], { ...user, stdio: 'ignore' });
  await once(child, 'spawn');
  try {
    const asked: unknown[] = [];
    const run: typeof exec.run = async (words, options) => {
      asked.push(words[0], options?.as);
      return { output: 'sleep would have been started with: --read-only=1' };
    };
    const server = createLocalServer({ address: pair.a.address, pidFile: null, run });
    expect(await server.startsClosed({ pid: child.pid ?? 0, startedAt: '' })).toBe(true);
    expect(asked).toEqual([expect.not.stringContaining('/proc/'), user]);
    expect((await exec.run(['id', '-u'], { as: user })).output).toBe('65534');
  } finally {
    child.kill('SIGKILL');
  }
});

test('what cannot be looked into is not known', async () => {
  const server = local();
  expect(await server.startsClosed({ pid: 2_000_000_000, startedAt: '1' })).toBeNull();
});
