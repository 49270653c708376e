/** Runs one row: a fresh site, clients, observers, the fault, mending, the verdict. */
import { copyFile, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DbServer } from '../support/db-server.ts';
import { eventually, pause } from '../support/eventually.ts';
import { prepareTables } from '../support/holdings.ts';
import { accounts } from '../support/mariadb-template.ts';
import { startWorkload, type Workload } from '../support/workload.ts';
import { type Eyes, openEyes } from './eyes.ts';
import { broken, figures, judge } from './judge.ts';
import type { Row, Scene } from './row.ts';
import { type Site, startSite } from './site.ts';

export interface RowResult {
  /** Everything that should not be, in sentences; empty when the row holds. */
  readonly problems: readonly string[];
  /** For people. */
  readonly story: string;
}

/** Rejects when the site does not come up, or not back to rest. */
export async function runRow(row: Row): Promise<RowResult> {
  await using site = await startSite(row.site);
  await prepareTables(site.a);
  await using eyes = await openEyes(site);
  await using clients = workload(site.ways.haproxy, 8, 1);
  await using direct = row.direct === undefined ? null : workload(site.ways.a, 2, 101);
  await clients.flowing();
  const scene = sceneOf(site, clients, eyes);
  await row.prepare?.(scene);
  const { generation } = await site.stable(site.a);
  const atMs = performance.now();
  try {
    await row.disturb(scene);
    eyes.mark('everything is mended');
    await mend(site);
    await clients.flowing(5, 60_000);
    await atRest(site);
    const journal = [...(await clients.stop()), ...((await direct?.stop()) ?? [])];
    await eyes.stop();
    const verdict = await judge(site, journal, eyes);
    const accepted = (complaint: string) => row.expects.accepts?.some((words) => complaint.startsWith(words));
    const problems = [
      ...verdict.complaints.filter((complaint) => !accepted(complaint)),
      ...(await broken(row, site, eyes, { generation, atMs })),
    ];
    if (problems.length > 0) await keepEvidence(site, clients);
    return { problems, story: `${eyes.story(atMs)}\n${figures(verdict, journal, atMs)}` };
  } catch (error) {
    await keepEvidence(site, clients);
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`${row.name}: ${words}\n${eyes.story(atMs)}`, { cause: error });
  }
}

function sceneOf(site: Site, clients: Workload, { mark }: Eyes): Scene {
  const switchTo = async (server: DbServer) => {
    site.control('switchover', '--to', server.address);
    await site.stable(server);
    await clients.flowing();
  };
  return { site, writer: site.a, standby: site.b, clients, mark, switchTo, passes: pause };
}

function workload(socketPath: string, clients: number, firstClient: number): Workload {
  return startWorkload({
    socketPath,
    ...accounts.app,
    database: 't',
    clients,
    firstClient,
    work: ['set', 'counter', 'set', 'shared'],
    pauseMs: 15,
  });
}

/** The network is whole, whoever was stopped goes on, whoever is dead is started, as a supervisor would. */
async function mend(site: Site): Promise<void> {
  await site.net.heal('dba', 'dbb', 'hub', 'mon', 'app');
  site.redis.thaw();
  for (const server of [site.a, site.b]) {
    server.thaw();
    if (server.pid === 0) await server.start();
  }
  for (const daemon of site.daemons) {
    if (daemon.alive()) daemon.thaw();
    else daemon.start();
  }
}

/** Stable, and every member judged. */
async function atRest(site: Site): Promise<void> {
  await eventually(
    'every member is judged',
    async () => (await site.stable(undefined, 60_000)).members.map(({ state }) => state),
    (states) => states.every((state) => state === 'online' || state === 'diverged'),
    { withinMs: 60_000 },
  );
}

/** For a look at what went wrong: everything that was logged, and the clients' journal. */
async function keepEvidence(site: Site, clients: Workload): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-evidence-'));
  const logs = (await readdir(site.folder)).filter((name) => name.endsWith('.log'));
  await Promise.all(logs.map((name) => copyFile(join(site.folder, name), join(folder, name))));
  await Promise.all(
    [site.a, site.b].map((server, i) => copyFile(join(server.folder, 'log'), join(folder, `db${i + 1}.log`))),
  );
  await clients.save(join(folder, 'journal.jsonl'));
  console.error(`the evidence of this run is kept in ${folder}`);
}
