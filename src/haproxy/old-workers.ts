import { readFile } from 'node:fs/promises';
import { RouteError } from '../errors.ts';
import type { Clock } from '../ports.ts';

const GONE_WITHIN_MS = 1_000;
const LOOK_AGAIN_MS = 5;

/**
 * Ends the workers that a reload left behind: they keep their sessions, and no runtime command reaches
 * those. Resolves when none is left beside `worker`; also when the processes cannot be seen from here (another
 * machine or container). Rejects with RouteError when one stays.
 */
export async function endOldWorkers(worker: string, clock: Clock): Promise<void> {
  const until = clock.now() + GONE_WITHIN_MS;
  const told = new Set<string>();
  for (;;) {
    const old = await oldWorkers(worker);
    if (old.length === 0) return;
    for (const pid of old.filter((one) => !told.has(one))) {
      told.add(pid);
      end(pid);
    }
    if (clock.now() > until) throw stays(old, 'it does not end');
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

/** Rejects with RouteError when a worker that no longer answers is still there: it may be waiting for its clients. */
export async function refuseLingering(worker: string): Promise<void> {
  if ((await nameOf(worker)) === 'haproxy') throw stays([worker], 'it answers no more but has not ended');
}

function end(pid: string): void {
  try {
    process.kill(Number(pid), 'SIGTERM');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH') throw stays([pid], `it may not be ended from here (${code})`);
  }
}

function stays(pids: readonly string[], why: string): RouteError {
  return new RouteError(
    `an old haproxy worker (pid ${pids.join(', ')}) may still hold sessions: ${why}; hard-stop-after ends it in the end`,
  );
}

/** Other children of the worker's master; empty when this is not a haproxy under a haproxy master. */
async function oldWorkers(worker: string): Promise<string[]> {
  const master = await parentOf(worker);
  if (master === null || (await nameOf(master)) !== 'haproxy') return [];
  const children = (await read(`/proc/${master}/task/${master}/children`)).split(' ');
  const others = children.filter((pid) => pid !== '' && pid !== worker);
  const names = await Promise.all(others.map(nameOf));
  return others.filter((_, i) => names[i] === 'haproxy');
}

async function parentOf(pid: string): Promise<string | null> {
  const status = await read(`/proc/${pid}/status`);
  return /^Name:\thaproxy$/m.test(status) ? (/^PPid:\t(\d+)$/m.exec(status)?.[1] ?? null) : null;
}

/** Empty for a zombie: it holds no session any more. */
async function nameOf(pid: string): Promise<string> {
  const status = await read(`/proc/${pid}/status`);
  return /^State:\tZ/m.test(status) ? '' : (/^Name:\t(.*)$/m.exec(status)?.[1] ?? '');
}

function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
