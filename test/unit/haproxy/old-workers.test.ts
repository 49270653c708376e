/** Masters and workers played by a shell script called `haproxy`, so that the process name is not haproxy's. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { endOldWorkers, refuseLingering } from '../../../src/haproxy/old-workers.ts';
import { createClock } from '../../../src/system/clock.ts';
import { eventually } from '../../support/eventually.ts';

const SCRIPT = `
if [ -n "$WORKER" ]; then while :; do sleep 0.1; done; fi
WORKER=1 sh "$0" -W -f cfg & old=$!
sleep 0.05
WORKER=1 sh "$0" -sf $old 1 -x sockpair@3 -W -f cfg & new=$!
sleep 60 & other=$!
trap 'kill $old $new $other; exit' TERM
echo $old $new $other
wait; wait; wait
`;

const clock = createClock();

test('workers older than the one that answers are ended, and nothing else that their master started', async () => {
  const { old, now, other } = await startMaster();
  expect(await endOldWorkers(now, clock)).toBe('gone');
  expect(await isAlive(old)).toBe(false);
  expect([await isAlive(now), await isAlive(other)]).toEqual([true, true]);
  expect(await endOldWorkers(now, clock)).toBe('gone');
});

test('a worker that is only starting is neither ended nor overlooked', async () => {
  const { old, now } = await startMaster();
  await expect(endOldWorkers(old, clock)).rejects.toThrow(`a new haproxy worker (pid ${now}) is starting`);
  expect(await isAlive(now)).toBe(true);
});

test('what cannot be seen is not called gone', async () => {
  expect(await endOldWorkers('4194999', clock)).toBe('unseen');
  expect(await endOldWorkers(String(process.pid), clock)).toBe('unseen');
  const { master } = await startMaster();
  expect(await endOldWorkers(master, clock)).toBe('unseen');
});

test('a worker that answers no more but lives is refused', async () => {
  const { now } = await startMaster();
  await expect(refuseLingering(now, clock)).rejects.toThrow('it answers no more but has not ended');
  await expect(refuseLingering('4194999', clock)).resolves.toBe(undefined);
});

test('a worker that answers no more and is just ending is waited for', async () => {
  const { now } = await startMaster();
  const waited = refuseLingering(now, clock);
  process.kill(Number(now));
  await expect(waited).resolves.toBe(undefined);
});

interface Kin {
  readonly master: string;
  readonly old: string;
  readonly now: string;
  /** A child of the master that is no worker. */
  readonly other: string;
}

async function startMaster(): Promise<Kin> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-workers-'));
  const script = join(folder, 'haproxy');
  await writeFile(script, SCRIPT);
  const master = spawn('sh', [script, '-W', '-f', 'cfg'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => master.once('exit', resolve));
  onTestFinished(async () => {
    master.kill();
    await ended;
    await rm(folder, { recursive: true });
  });
  for await (const line of createInterface(master.stdout)) {
    const [old = '', now = '', other = ''] = line.split(' ');
    const words = () => readFile(`/proc/${now}/cmdline`, 'utf8');
    await eventually('the new worker has begun', words, (text) => text.includes('-sf'));
    return { master: String(master.pid), old, now, other };
  }
  throw new Error('the master said nothing');
}

async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) Z /.test(stat);
}
