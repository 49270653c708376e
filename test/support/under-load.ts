/** A disturbance under eight writers at full speed, and the verdict over what came of it. */
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, type Verdict } from './checker.ts';
import { eventually } from './eventually.ts';
import { holdingOf, prepareTables, replicationRests } from './holdings.ts';
import { type Operation, type Work, writeGap } from './journal.ts';
import type { MariaServer } from './mariadb.ts';
import { accounts } from './mariadb-template.ts';
import { startObserver } from './observer.ts';
import { reclone } from './reclone.ts';
import type { Stack } from './stack.ts';
import { startWorkload, type Workload } from './workload.ts';

export interface LoadOptions {
  /** What each client writes, in turns; default only `set`. */
  readonly work?: readonly Work[];
  /** Between two writes of a client; default 0. */
  readonly pauseMs?: number;
  /** Clients of another kind; default: the ones of `startWorkload`, through haproxy. */
  readonly clients?: () => Workload;
  /** Complaints that this disturbance may cause, by their first words; they are left out of the verdict. */
  readonly accepts?: string;
}

export interface LoadResult {
  readonly verdict: Verdict;
  readonly journal: readonly Operation[];
  /** Monotonic ms when the disturbance began. */
  readonly disturbedMs: number;
  /** Transactions reported as extra on a diverged member. */
  readonly reportedExtra: ReadonlyMap<string, number>;
}

/**
 * Empties the tables, lets clients write, does `disturb`, waits until every client writes again, and judges.
 * A server that is not running at the end is left out; `disturb` starts again what it wants judged.
 */
export async function underLoad(
  stack: Stack,
  options: LoadOptions,
  disturb: (workload: Workload) => Promise<void>,
): Promise<LoadResult> {
  await prepareTables(await stack.writer());
  await using observer = startObserver([stack.a.socket, stack.b.socket]);
  const { clients, ...load } = options;
  await using workload =
    clients?.() ?? startWorkload({ port: stack.haproxy.port, ...accounts.app, database: 't', ...load });
  await workload.flowing();
  const disturbedMs = performance.now();
  await disturb(workload);
  await workload.flowing(5, 30_000);
  const journal = await workload.stop();
  await observer.stop();
  const twoWritable = observer.sightings.length;
  const found = await judge(stack, journal, twoWritable);
  const judged = { ...found, verdict: without(found.verdict, options.accepts) };
  if (!judged.verdict.ok) await keepEvidence(stack, workload);
  return { ...judged, journal, disturbedMs };
}

/** The writer dies by kill -9 under load, the other one takes over, and the dead one is started again. */
export async function crashUnderLoad(
  stack: Stack,
): Promise<LoadResult & { readonly dead: MariaServer; readonly heir: MariaServer; readonly gapMs: number }> {
  const dead = await stack.writer();
  const heir = stack.other(dead);
  const result = await underLoad(stack, {}, async (workload) => {
    await dead.kill9();
    await stack.stable(heir);
    await workload.flowing();
    await dead.start();
  });
  return { ...result, dead, heir, gapMs: writeGap(result.journal, result.disturbedMs).gapMs };
}

function without(verdict: Verdict, accepted: string | undefined): Verdict {
  const complaints = verdict.complaints.filter((one) => accepted === undefined || !one.startsWith(accepted));
  return { ...verdict, complaints, ok: complaints.length === 0 };
}

/**
 * Resolves when the server that came back is the standby again; says what it was judged to be. A diverged one is
 * filled anew, as its operator would do.
 */
export async function afterReturn(stack: Stack, server: MariaServer): Promise<'online' | 'diverged'> {
  const state = await judgedState(stack, server);
  if (state === 'diverged') await reclone(server, await stack.writer());
  await stack.healthy(60_000);
  return state;
}

/** Waits for the verdict of mmm over a server that came back. */
async function judgedState(stack: Stack, server: MariaServer): Promise<'online' | 'diverged'> {
  const state = await eventually(
    `${server.address} is judged`,
    async () => (await stack.stable()).members.find(({ address }) => address === server.address)?.state,
    (seen) => seen === 'online' || seen === 'diverged',
    { withinMs: 30_000 },
  );
  return state === 'diverged' ? 'diverged' : 'online';
}

async function judge(
  stack: Stack,
  journal: readonly Operation[],
  twoWritable: number,
): Promise<Pick<LoadResult, 'verdict' | 'reportedExtra'>> {
  const running = [stack.a, stack.b].filter((server) => server.pid !== 0);
  for (const server of running) await judgedState(stack, server);
  const reported = (await stack.stable()).members.flatMap(({ address, state, extra }) =>
    state === 'diverged' ? [[address, extra?.count ?? 0] as const] : [],
  );
  const reportedExtra = new Map(reported);
  await replicationRests(running.filter((server) => !reportedExtra.has(server.address)));
  const writer = await stack.writer();
  const others = running.filter((server) => server !== writer);
  const verdict = check({
    journal,
    writer: await holdingOf(writer),
    others: await Promise.all(others.map(holdingOf)),
    twoWritable,
    reportedExtra,
  });
  return { verdict, reportedExtra };
}

/** For a look at what went wrong: the clients' journal, beside the logs of the daemons. */
async function keepEvidence(stack: Stack, workload: Workload): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-evidence-'));
  await workload.save(join(folder, 'journal.jsonl'));
  await writeFile(join(folder, 'events.json'), JSON.stringify(await stack.events(), null, 2));
  for (const daemon of stack.daemons) await copyFile(daemon.logFile, join(folder, `${daemon.name}.log`));
  console.error(`the evidence of this run is kept in ${folder}`);
}
