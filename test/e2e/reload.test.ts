import { readdir, readFile, readlink, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis } from '../support/redis.ts';
import { runCommand } from '../support/run-command.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

test('HUP: a file with mistakes is refused with all of them, the old configuration works on; a good one is taken', async () => {
  const before = await stack.stable();
  const good = await readFile(stack.files.mmm, 'utf8');

  await writeFile(
    stack.files.mmm,
    good.replace('interval=3', 'interval=soon\nprobe_intervall=1s\nreplicas=10.0.21.9:3308'),
  );
  stack.identify.reload();
  const refused = await said(stack.identify, 'reload-refused', 1);
  expect(refused.mistakes).toHaveLength(2);
  expect(JSON.stringify(refused.mistakes)).toContain('replicas');
  expect((await stack.control('switchover')).code).toBe(2); // it reads the same broken file
  expect(await stack.topology()).toMatchObject({ generation: before.generation });

  for (const [daemon, file] of [
    [stack.agent, stack.files.agent],
    [stack.sidecar, stack.files.sidecar],
  ] as const) {
    const sound = await readFile(file, 'utf8');
    await writeFile(file, `${sound}[nonsense\ndb=x\n`);
    daemon.reload();
    expect((await said(daemon, 'reload-refused', 1)).mistakes).toEqual([
      expect.stringContaining('a section header is [name]'),
    ]);
    await writeFile(file, sound);
  }

  await writeFile(stack.files.mmm, good.replace('interval=3', 'interval=1'));
  for (const daemon of stack.daemons) daemon.reload();
  for (const daemon of stack.daemons) await said(daemon, 'reloaded', 1);
  expect(stack.daemons.map((daemon) => daemon.alive())).toEqual([true, true, true, true]);
  expect((await stack.control('switchover')).code).toBe(0);
  await stack.healthy();
});

test('HUP: a sound file that a running daemon cannot change to is refused with every reason', async () => {
  const good = await readFile(stack.files.mmm, 'utf8');
  const blocked = join(stack.folder, 'not-a-folder');
  await writeFile(blocked, '');
  const keys = `interval=3\nmonitor_logfile=${blocked}/monitor.log\nidentify_logfile=/proc/identify.log`;
  const next = good
    .replace(/interval=\d/, keys)
    .replace(/^dir=.*$/m, `dir=${blocked}`)
    .replace('id=site', 'id=other');
  const count = (await stack.monitor.lines()).filter((line) => line.event === 'reload-refused').length;
  await writeFile(stack.files.mmm, next);
  stack.monitor.reload();
  const refused = await said(stack.monitor, 'reload-refused', count + 1);
  const { mmm } = stack.files;
  expect(refused.mistakes).toEqual([
    `${mmm}: [state] dir changes from ${join(stack.folder, 'state')} to ${blocked}: stop the daemon, move what is in the one to the other, and start it`,
    `${mmm}: [state] id changes from site to other: stop the daemon first, so that the old id says goodbye, and start it`,
    `${mmm}: nothing can be logged to ${blocked}/monitor.log: a file of that name stands in the way (EEXIST); mend that or name another file`,
  ]);
  await writeFile(stack.files.mmm, good);
  await stack.healthy();
});

test('a start with a state directory that is held or cannot be made ends with code 2 and one sentence', async () => {
  const conf = stack.files.mmm;
  const second = await runCommand('mmm-monitor', ['--conf', conf]);
  const lock = join(stack.folder, 'state/mmm-monitor.lock');
  expect([second.code, second.stdout, second.stderr]).toEqual([
    2,
    '',
    `mmm-monitor: ${lock} is held by another running mmm-monitor: stop it, or give this one its own [state] dir= and id=\n`,
  ]);
  const other = join(stack.folder, 'other.conf');
  await writeFile(other, (await readFile(conf, 'utf8')).replace(/^dir=.*$/m, 'dir=/proc/mmm'), {
    mode: 0o600,
  });
  const homeless = await runCommand('mmm-monitor', ['--conf', other]);
  expect([homeless.code, homeless.stdout]).toEqual([2, '']);
  expect(homeless.stderr).toMatch(
    /^mmm-monitor: state directory \/proc\/mmm cannot be used: .+, or name another one as \[state\] dir=\n$/,
  );
});

test('HUP: a log file that was moved away is let go of, also when the new configuration is refused', async () => {
  const good = await readFile(stack.files.mmm, 'utf8');
  const file = join(stack.folder, 'logs/identify.log');
  await writeFile(stack.files.mmm, `${good}[log]\nlogfile=${file}\n`);
  stack.identify.reload();
  const content = async (path: string) => readFile(path, 'utf8').catch(() => '');
  await eventually('logs to the file', async () => (await content(file)).includes('"reloaded"'));
  await rename(file, `${file}.1`);
  await writeFile(stack.files.mmm, `${good}[log]\nlogfile=${file}\nnonsense\n`);
  stack.identify.reload();
  await eventually('logs to a new file', async () => (await content(file)).includes('"reload-refused"'));
  const open = await eventually(
    'the old one is let go of',
    () => filesOf(stack.identify.pid),
    (all) => all.every((one) => one !== `${file}.1`),
  );
  expect(open.filter((one) => one === file)).toHaveLength(1);
  await writeFile(stack.files.mmm, good);
  stack.identify.reload();
  await eventually(
    'back to standard output',
    async () => !(await filesOf(stack.identify.pid)).includes(file),
  );
  await stack.healthy();
});

test('HUP: a sidecar says goodbye for a cluster that left its file, and comes back with it', async () => {
  const good = await readFile(stack.files.sidecar, 'utf8');
  const registered = async (): Promise<unknown> => {
    const text = await stack.redis.client.get(`mysql-${stack.uniqsign}-topology`);
    return (JSON.parse(text ?? '{}') as { readonly sidecars?: unknown }).sidecars;
  };
  expect(await registered()).toEqual(['site']);
  await writeFile(stack.files.sidecar, good.replace(stack.uniqsign, 'f'.repeat(32)));
  stack.sidecar.reload();
  await eventually('it left the register', registered, (ids) => JSON.stringify(ids) === '[]');
  await writeFile(stack.files.sidecar, good);
  stack.sidecar.reload();
  await eventually('it is on the register', registered, (ids) => JSON.stringify(ids) === '["site"]');
  await stack.healthy();
});

test('HUP: another Redis is taken over with the same writer, and no generation falls', async () => {
  const before = await stack.stable();
  await using other = await startRedis();
  for (const file of Object.values(stack.files) as readonly string[]) {
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/^host=.*$/m, `host=${other.host}:${other.port}`));
  }
  for (const daemon of stack.daemons) daemon.reload();
  const key = `mysql-${stack.uniqsign}-topology`;
  const after = await eventually(
    'a topology in the other Redis',
    async () => JSON.parse((await other.client.get(key)) ?? 'null') as typeof before | null,
    (topology) => topology?.phase === 'stable',
  );
  expect(after?.writer).toBe(before.writer);
  expect(after?.generation).toBeGreaterThanOrEqual(before.generation);
  await eventually('a switchover there', async () => (await stack.control('switchover')).code === 0);
  await Promise.all(stack.daemons.map((daemon) => daemon.term()));
});

/** What the process has open. */
async function filesOf(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`;
  const links = (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => ''));
  return Promise.all(links);
}

/** Resolves with the last line of this event once there are `count`. */
async function said(
  daemon: Daemon,
  event: string,
  count: number,
): Promise<Readonly<Record<string, unknown>>> {
  const lines = await eventually(
    `${daemon.name} says ${event}`,
    async () => (await daemon.lines()).filter((line) => line.event === event),
    (seen) => seen.length >= count,
  );
  return lines.at(-1) ?? {};
}
