/**
 * Workers that a reload left behind: they keep their sessions, and no runtime command reaches those. They are
 * found in /proc, as the other children of the process that started the worker.
 *
 * Limit: they cannot be seen when haproxy runs in another machine, container or pid namespace, when /proc is
 * hidden (hidepid), or when haproxy runs without a master process (-W or -Ws), where an old process has no kin.
 * Nobody can say then that none is left; `hard-stop-after` is what ends them.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RouteError } from '../errors.ts';
import type { Clock } from '../ports.ts';

const GONE_WITHIN_MS = 1_000;
const LOOK_AGAIN_MS = 5;

/**
 * Ends the workers older than `worker`, a process id. Resolves `gone` when none is left, `unseen` when old
 * ones could not be seen from here. Rejects with RouteError when one stays, or when a younger one is starting:
 * it takes over soon and stands as its file says.
 */
export async function endOldWorkers(worker: string, clock: Clock): Promise<'gone' | 'unseen'> {
  const until = clock.now() + GONE_WITHIN_MS;
  const told = new Set<string>();
  for (;;) {
    const others = await otherWorkers(worker);
    if (others === null) return 'unseen';
    if (others.younger.length > 0) {
      throw new RouteError(`a new haproxy worker (pid ${others.younger.join(', ')}) is starting`);
    }
    if (others.older.length === 0) return 'gone';
    for (const pid of others.older.filter((one) => !told.has(one))) {
      told.add(pid);
      end(pid);
    }
    if (clock.now() > until) throw stays(others.older, 'it does not end');
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

/**
 * Waits for the end of a worker that no longer answers: its socket closes a little before it is gone. Rejects with
 * RouteError when it stays: it may be waiting for its clients.
 */
export async function refuseLingering(worker: string, clock: Clock): Promise<void> {
  const until = clock.now() + GONE_WITHIN_MS;
  for (;;) {
    const found = await look(worker);
    if (found === null || !isHaproxy(found)) return;
    if (clock.now() > until) throw stays([worker], 'it answers no more but has not ended');
    await clock.sleep(LOOK_AGAIN_MS);
  }
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

interface Process {
  readonly pid: string;
  readonly name: string;
  readonly parent: string;
  /** Clock ticks since the machine started. */
  readonly startTicks: number;
  /** Its command line. */
  readonly words: readonly string[];
}

/** Other children of the worker's master; null when they cannot be seen. */
async function otherWorkers(
  worker: string,
): Promise<{ readonly older: string[]; readonly younger: string[] } | null> {
  const own = await look(worker);
  const master = own === null || !isHaproxy(own) ? null : await look(own.parent);
  if (own === null || master === null || !isSameProgram(own, master)) return null;
  const listed = await read(`/proc/${master.pid}/task/${master.pid}/children`);
  const children = listed?.split(' ') ?? [];
  // A list without the worker itself is no list of its kin.
  if (!children.includes(worker)) return null;
  const others = await Promise.all(children.filter((pid) => pid !== '' && pid !== worker).map(look));
  const kin = others.flatMap((one) => (one !== null && isSameProgram(own, one) ? [one] : []));
  const isYounger = (one: Process) => one.startTicks > own.startTicks;
  return {
    older: kin.filter((one) => !isYounger(one)).map(({ pid }) => pid),
    younger: kin.filter(isYounger).map(({ pid }) => pid),
  };
}

/** The process name alone says little: a program started through a loader bears the loader's. */
function isHaproxy({ name, words }: Process): boolean {
  return [name, ...words].some((word) => /^(?:haproxy|hapee[a-z0-9.-]*)$/.test(basename(word)));
}

/** Master and workers are forks of one another; only what a reload adds to the command line differs. */
function isSameProgram(a: Process, b: Process): boolean {
  return a.name === b.name && lasting(a.words) === lasting(b.words);
}

function lasting(words: readonly string[]): string {
  const kept: string[] = [];
  let flag = '';
  for (const word of words) {
    if (word === '-sf' || word === '-st' || word === '-x') flag = word;
    else if (flag === '-x') flag = '';
    else if (flag === '' || !/^\d+$/.test(word)) {
      flag = '';
      kept.push(word);
    }
  }
  return kept.join('\0');
}

/** Null when it is not there or not to be seen, and for a zombie: it holds no session any more. */
async function look(pid: string): Promise<Process | null> {
  const [stat, line] = await Promise.all([read(`/proc/${pid}/stat`), read(`/proc/${pid}/cmdline`)]);
  // The name may hold blanks and brackets; the fields behind it are: state, parent, ..., start as the 20th.
  const parts = /^\d+ \((.*)\) (\S .*)$/s.exec(stat ?? '');
  const fields = parts?.[2]?.trim().split(' ') ?? [];
  const [state, parent] = fields;
  if (parts?.[1] === undefined || parent === undefined || line === null || state === 'Z') return null;
  const words = line.split('\0').filter((word) => word !== '');
  return { pid, name: parts[1], parent, startTicks: Number(fields[19]), words };
}

function read(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
