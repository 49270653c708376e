/** Clients that find the writer without a sidecar: by the list of hosts in their driver, or by haproxy's own `backup`. */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connectorJ, startDriverClients } from '../support/connector-j.ts';
import { eventually } from '../support/eventually.ts';
import { replicationRests } from '../support/holdings.ts';
import { writeGap } from '../support/journal.ts';
import type { MariaServer } from '../support/mariadb.ts';
import { rootSession } from '../support/mariadb-admin.ts';
import { accounts, BLOCK_GRANTS } from '../support/mariadb-template.ts';
import { assembleStack, type Stack } from '../support/stack.ts';
import { type LoadResult, underLoad } from '../support/under-load.ts';
import { startWorkload, type Workload } from '../support/workload.ts';

const jar = await connectorJ();
/** haproxy looks in with it: no password, no privilege, and blocked wherever clients are blocked. */
const CHECK_USER = 'haproxy_check';
/** Far beyond what any of these steps takes; what they took is printed. */
const BOUND_MS = 10_000;

let stack: Stack | undefined;
afterEach(async () => {
  await stack?.[Symbol.asyncDispose]();
  stack = undefined;
});

/** `sequential`: in the order of the list. `failover`: in no order, which only blocked accounts make right. */
type Order = 'sequential' | 'failover';

const ways: readonly (readonly [string, boolean, (site: Stack, order: Order) => Workload])[] = [
  [
    'MariaDB Connector/J with a list of hosts',
    jar === null,
    ({ a, b, folder }, order) =>
      startDriverClients({
        jar: jar ?? '',
        // A host that failed is tried last for so many seconds; primaryhost must be out of that when it opens again.
        url: `jdbc:mariadb:${order}://${a.address},${b.address}/t?loadBalanceBlacklistTimeout=1`,
        ...accounts.app,
        logFile: join(folder, 'clients.log'),
      }),
  ],
  [
    'haproxy with a plain backup',
    false,
    ({ haproxy }) =>
      startWorkload({
        port: haproxy.port,
        ...accounts.app,
        database: 't',
        // A server that returns must be able to catch up with them.
        pauseMs: 25,
        writesPerConnection: 100,
      }),
  ],
];

describe.each(ways)('%s', (name, isMissing, clients) => {
  test.skipIf(isMissing)(
    'with block_user: writes go on through crash, return and switchover',
    { timeout: 60_000 },
    async () => {
      const agentKeys = [`block_user=^(app|${CHECK_USER})$`, 'block_host=.'];
      const site = await start({ agentKeys, clusterKeys: [] });
      const { a, b } = site;
      const steps: Step[] = [];
      const result = await underLoad(site, { clients: () => clients(site, 'failover') }, async (workload) => {
        const step = stepper(steps, workload);
        await step('crash', async () => {
          await crashInStep(site, a);
          await site.stable(b);
        });
        await step('return', async () => {
          await a.start();
          await site.healthy();
        });
        for (const to of [a, b]) {
          await step('switchover', async () => {
            const { code, stdout, stderr } = await site.control('switchover', '--to', to.address);
            expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
          });
        }
      });
      expectUnharmed(`${name}, block_user`, result, steps);
    },
  );

  test.skipIf(isMissing)(
    'with failback=auto: writes go on through crash and return, and primaryhost gets its role back',
    { timeout: 60_000 },
    async () => {
      const site = await start({ agentKeys: [], clusterKeys: ['failback=auto', 'auto_set_online=2s'] });
      const { a, b } = site;
      const steps: Step[] = [];
      const result = await underLoad(
        site,
        { clients: () => clients(site, 'sequential') },
        async (workload) => {
          const step = stepper(steps, workload);
          await step('crash', async () => {
            await crashInStep(site, a);
            await site.stable(b);
          });
          await step('return and failback', async () => {
            await a.start();
            await site.stable(a, 30_000);
          });
        },
      );
      expectUnharmed(`${name}, failback=auto`, result, steps);
      const done = (await site.events())
        .filter(({ phase }) => phase === 'stable')
        .map(({ reason }) => reason);
      expect(done).toContain('failback to primaryhost');
      await expectWarning(site);
    },
  );
});

async function start(keys: {
  readonly agentKeys: readonly string[];
  readonly clusterKeys: readonly string[];
}): Promise<Stack> {
  const site = await assembleStack({ ...keys, checkUser: CHECK_USER });
  stack = site;
  for (const server of [site.a, site.b]) {
    const quietly = (sql: string) => server.admin(`SET STATEMENT sql_log_bin=0 FOR ${sql}`);
    await quietly(`CREATE USER ${CHECK_USER}@'%'`);
    await quietly(`GRANT ${BLOCK_GRANTS} ON *.* TO ${accounts.mmm.user}@'%'`);
    await quietly(`GRANT SELECT ON mysql.* TO ${accounts.mmm.user}@'%'`);
  }
  for (const daemon of site.daemons) daemon.start();
  await Promise.all(site.daemons.map((daemon) => daemon.ready(30_000)));
  await site.healthy();
  return site;
}

/** kill -9 at a moment when the other server has everything: what comes back has nothing of its own. */
async function crashInStep(site: Stack, server: MariaServer): Promise<void> {
  const session = await rootSession(server.socket);
  await session.query('FLUSH TABLES WITH READ LOCK');
  await replicationRests([site.a, site.b]);
  await server.kill9();
}

interface Step {
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

function stepper(steps: Step[], workload: Workload) {
  return async (name: string, act: () => Promise<void>): Promise<void> => {
    const fromMs = performance.now();
    await act();
    await workload.flowing(5, 30_000);
    steps.push({ name, fromMs, untilMs: performance.now() });
  };
}

function expectUnharmed(name: string, { verdict, journal }: LoadResult, steps: readonly Step[]): void {
  expect(verdict).toMatchObject({ complaints: [], lost: 0 });
  const gaps = steps.map((step) => ({ ...step, gap: writeGap(journal, step.fromMs, step.untilMs) }));
  const told = gaps.map(
    (step) =>
      `${step.name} ${Math.round(step.gap.gapMs)} (slowest client ${Math.round(step.gap.slowestClientMs)})`,
  );
  console.log(`${name}: write gaps in ms: ${told.join(', ')}; ${verdict.acknowledged} writes acknowledged`);
  for (const { gap } of gaps) expect(gap.slowestClientMs).toBeLessThan(BOUND_MS);
}

/** The set-up was told about its limit, with the ways out. */
async function expectWarning(site: Stack): Promise<void> {
  const said = await eventually(
    'identify warns of clients that would be stuck',
    async () => (await site.identify.lines()).filter(({ limit }) => String(limit).includes('stuck')),
    (lines) => lines.length > 0,
    { withinMs: 15_000 },
  );
  expect(said).toHaveLength(1);
  expect(said[0]?.limit).toContain('block_user and block_host');
}
