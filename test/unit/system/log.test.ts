import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '../../../src/system/log.ts';
import { compileSystem, temporaryFolder } from './support.ts';

// Most of these start a process: on a machine with much to do that takes its time.
vi.setConfig({ testTimeout: 60_000 });

let compiled = '';

beforeAll(async () => {
  compiled = await compileSystem();
}, 60_000);
afterAll(() => rm(compiled, { recursive: true, force: true }));

async function linesOf(file: string): Promise<readonly Record<string, unknown>[]> {
  return parse(await readFile(file, 'utf8'));
}

function parse(text: string): readonly Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Runs `body` with `createLog` in a process of its own and returns what it printed. */
function printed(body: string): readonly Record<string, unknown>[] {
  const script = `import { createLog } from ${JSON.stringify(join(compiled, 'system/log.js'))};\n${body}`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect([run.status, run.stderr]).toEqual([0, '']);
  return parse(run.stdout);
}

test('a line is JSON with time, level, program, message and fields; the folder is made', async () => {
  const file = join(await temporaryFolder(), 'new/mmm.log');
  const log = createLog({ program: 'mmm-agent', file, level: 'info' });
  log.debug({ a: 1 }, 'not shown');
  log.child({ member: 'a:1' }).warn({ err: new Error('boom') }, 'server does not answer');
  const [line, ...rest] = await linesOf(file);
  expect(rest).toEqual([]);
  expect(line).toMatchObject({
    level: 'warn',
    program: 'mmm-agent',
    member: 'a:1',
    msg: 'server does not answer',
    err: { message: 'boom' },
  });
  expect(line?.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('secrets are not written, wherever a field holds them', async () => {
  const file = join(await temporaryFolder(), 'mmm.log');
  const log = createLog({ program: 'p', file, level: 'debug' });
  log.info(
    { password: 's3cret', redis: { password: 's3cret' }, config: { mysql: { password: 's3cret' } } },
    'm',
  );
  log.debug({ targets: [{ verifyPassword: 's3cret' }] }, 'm');
  log.child({ password: 's3cret' }).info({}, 'm');
  expect(await readFile(file, 'utf8')).not.toContain('s3cret');
});

test('a cluster logs into its own file when it has one, else where the program does', async () => {
  const folder = await temporaryFolder();
  const log = createLog({ program: 'p', file: join(folder, 'main.log'), level: 'info' });
  log.forCluster('a', join(folder, 'a.log')).info({}, 'of a');
  log.forCluster('a', join(folder, 'a.log')).info({}, 'of a again');
  log.forCluster('b', null).info({}, 'of b');
  expect((await linesOf(join(folder, 'a.log'))).map(({ cluster, msg }) => [cluster, msg])).toEqual([
    ['a', 'of a'],
    ['a', 'of a again'],
  ]);
  expect((await linesOf(join(folder, 'main.log'))).map(({ cluster, msg }) => [cluster, msg])).toEqual([
    ['b', 'of b'],
  ]);
});

test('after the files were moved away reopen starts new ones', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'main.log');
  const own = join(folder, 'a.log');
  const log = createLog({ program: 'p', file, level: 'info' });
  const cluster = log.forCluster('a', own);
  log.info({}, 'old');
  cluster.info({}, 'old');
  for (const one of [file, own]) await rename(one, `${one}.1`);
  log.info({}, 'still old');
  log.reopen();
  log.info({}, 'new');
  cluster.info({}, 'new');
  expect((await linesOf(`${file}.1`)).map(({ msg }) => msg)).toEqual(['old', 'still old']);
  expect((await linesOf(file)).map(({ msg }) => msg)).toEqual(['new']);
  expect((await linesOf(own)).map(({ msg }) => msg)).toEqual(['new']);
});

test('without a file the lines go to standard output, the last ones of a dying process too', () => {
  const lines = printed(`
    const log = createLog({ program: 'p', file: null, level: 'info' });
    log.info({ n: 1 }, 'first'); log.forCluster('a', null).info({}, 'second'); process.exit(0);`);
  expect(new Set(lines.map(({ msg, cluster }) => `${msg} ${cluster}`))).toEqual(
    new Set(['first undefined', 'second a']),
  );
});

test('a file that cannot be opened is reported once and its lines go to standard output', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  const bad = JSON.stringify(join(folder, 'file/mmm.log'));
  const lines = printed(`
    const log = createLog({ program: 'p', file: ${bad}, level: 'info' });
    log.forCluster('a', ${bad}).info({}, 'of a'); log.forCluster('b', ${bad}).info({}, 'of b'); log.info({}, 'main');`);
  expect(lines[0]).toMatchObject({
    file: join(folder, 'file/mmm.log'),
    reason: 'a file of that name stands in the way (EEXIST)',
  });
  expect(lines.map(({ level, msg, cluster }) => [level, msg, cluster])).toEqual([
    [
      'warn',
      'log file cannot be opened, its lines go to standard output: mend that or name another file in the configuration, then send HUP',
      undefined,
    ],
    ['info', 'of a', 'a'],
    ['info', 'of b', 'b'],
    ['info', 'main', undefined],
  ]);
});

test('on a full disk the lines go to standard output, which is said once, and the program goes on', () => {
  const lines = printed(`
    const log = createLog({ program: 'p', file: '/dev/full', level: 'info' });
    log.info({}, 'first'); await new Promise((done) => setImmediate(done)); log.info({}, 'second');
    log.forCluster('a', '/dev/full').info({}, 'of a');`);
  expect(lines[0]).toMatchObject({ level: 'warn', file: '/dev/full', reason: 'the disk is full (ENOSPC)' });
  expect(lines.map(({ msg }) => msg)).toEqual([
    'log file cannot be written, lines that it does not take go to standard output: make room',
    'first',
    'second',
    'of a',
  ]);
});

test('a pipe that nobody reads and a directory are no log files, and hold nothing up', async () => {
  const folder = await temporaryFolder();
  const pipe = join(folder, 'pipe');
  expect(spawnSync('sh', ['-c', 'mkfifo "$0"', pipe]).status).toBe(0);
  const lines = printed(`
    const log = createLog({ program: 'p', file: ${JSON.stringify(pipe)}, level: 'info' });
    log.info({}, 'main'); log.forCluster('a', ${JSON.stringify(folder)}).info({}, 'of a');`);
  expect(lines.map(({ file, reason, msg }) => [file, reason ?? msg])).toEqual([
    [pipe, 'nobody reads from it (ENXIO)'],
    [undefined, 'main'],
    [folder, 'it is a directory (EISDIR)'],
    [undefined, 'of a'],
  ]);
});

test('a file that was moved away is let go of, and one that became usable is used after reopen', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'main.log');
  const late = join(folder, 'blocked/a.log');
  await writeFile(join(folder, 'blocked'), '');
  const lines = printed(`
    import { readdirSync, readlinkSync, renameSync, unlinkSync } from 'node:fs';
    const open = () => readdirSync('/proc/self/fd').map((fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } }).filter((at) => at.includes(${JSON.stringify(folder)}));
    const log = createLog({ program: 'p', file: ${JSON.stringify(file)}, level: 'info' });
    const a = log.forCluster('a', ${JSON.stringify(late)});
    a.info({}, 'not yet');
    renameSync(${JSON.stringify(file)}, ${JSON.stringify(`${file}.1`)});
    unlinkSync(${JSON.stringify(join(folder, 'blocked'))});
    log.reopen();
    a.info({}, 'by now'); log.info({ open: open() }, 'new');
    log.close();
    log.info({ open: open() }, 'closed');`);
  expect(lines.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/^log file cannot be opened/),
    'not yet',
    'closed',
  ]);
  expect(lines.at(-1)?.open).toEqual([]);
  expect((await linesOf(late)).map(({ msg }) => msg)).toEqual(['by now']);
  const [line] = await linesOf(file);
  expect([...((line?.open ?? []) as string[])].sort()).toEqual([late, file].sort());
});

/** Logs some lines, and exits as a daemon does. */
const many = (lines: number): string => `
  const log = createLog({ program: 'p', file: null, level: 'info' });
  for (let n = 0; n < ${lines}; n += 1) log.info({ n }, 'x'.repeat(500));
  await log.drained();
  process.exit(0);`;

test('a reader of standard output gets every line', () => {
  const numbers = printed(many(50)).map(({ n }) => Number(n));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
});

test.for(['nobody reads', 'is on a full disk'])(
  'standard output that %s lets the program end',
  async (how) => {
    const full = how === 'nobody reads' ? null : await open('/dev/full', 'w');
    onTestFinished(() => full?.close());
    const script = `import { createLog } from ${JSON.stringify(join(compiled, 'system/log.js'))};\n${many(1000)}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', full?.fd ?? 'pipe', 'inherit'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  },
);

test('standard output on a full disk does not end the program', () => {
  const script = `import { createLog } from ${JSON.stringify(join(compiled, 'system/log.js'))};
    const log = createLog({ program: 'p', file: null, level: 'info' });
    log.info({}, 'lost'); setTimeout(() => { console.error('alive'); process.kill(process.pid, 'SIGKILL'); }, 100);`;
  const command = `exec "$0" --input-type=module -e "$1" > /dev/full`;
  const run = spawnSync('sh', ['-c', command, process.execPath, script], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect(run.stderr).toBe('alive\n');
});
