/**
 * Negative controls: each does, on real servers and with real clients, what mmm-manager must never do. The checker
 * has to see every one of them; one that it lets pass would let it pass in the rows too.
 */
import { expect, test } from 'vitest';
import { check } from '../support/checker.ts';
import type { DbServer } from '../support/db-server.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { holdingOf, prepareTables, replicationRests } from '../support/holdings.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { startObserver } from '../support/observer.ts';
import { tempDir } from '../support/processes.ts';
import { startScratch } from '../support/scratch.ts';
import { startWorkload, type Workload } from '../support/workload.ts';

interface Control {
  readonly a: DbServer;
  readonly b: DbServer;
  readonly haproxy: Haproxy;
  readonly clients: Workload;
}

test('a sidecar that sends new clients elsewhere and leaves the old sessions fails the checker', async () => {
  const complaints = await complaintsAfter(async ({ a, b, haproxy, clients }) => {
    // The proof (e) would be given for this; the server that nobody reaches is not closed.
    await haproxy.route(b.address, { cut: false });
    await b.admin('SET GLOBAL read_only = 0');
    await clients.flowing(100);
    await a.admin('SET GLOBAL read_only = 1');
  });
  expect(complaints).toMatch(/^two writable: /m);
  expect(complaints).toMatch(/^alternating: /m);
});

test('a waiting time shorter than the lease fails the checker', async () => {
  const complaints = await complaintsAfter(async ({ a, b, haproxy, clients }) => {
    await b.admin('STOP SLAVE');
    // The dead-man of a writer that nobody reaches; whoever takes over does not wait for it.
    const deadMan = a.admin('SET GLOBAL read_only = IF(SLEEP(0.6) = 0, 1, @@global.read_only)');
    await b.admin('SET GLOBAL read_only = 0');
    await haproxy.route(b.address, { cut: true });
    await deadMan;
    await clients.flowing();
  });
  expect(complaints).toMatch(/^two writable: /m);
  expect(complaints).toMatch(/^alternating: /m);
});

test('a ladder that neither ends sessions nor waits until the server is closed fails the checker', async () => {
  const complaints = await complaintsAfter(async ({ a, b, haproxy, clients }) => {
    const slow = await a.session();
    await slow.query('LOCK TABLES t.writes WRITE, t.counters WRITE');
    await b.admin('STOP SLAVE');
    const closing = a.admin('SET GLOBAL read_only = 1');
    await b.admin('SET GLOBAL read_only = 0');
    await haproxy.route(b.address, { cut: true });
    await clients.flowing();
    slow.end();
    await closing;
  });
  expect(complaints).toMatch(/^two writable: /m);
});

test('a link that is not parked, and brings back what a dead writer had not sent, fails the checker', async () => {
  const complaints = await complaintsAfter(
    async ({ a, b, haproxy, clients }) => {
      await b.admin('STOP SLAVE IO_THREAD');
      await clients.flowing();
      await a.kill9();
      await b.admin('SET GLOBAL read_only = 0');
      await haproxy.route(b.address, { cut: true });
      await clients.flowing();
      await a.start();
      await Promise.all([a.admin('START SLAVE'), b.admin('START SLAVE')]);
      await clients.flowing(50);
    },
    ['--gtid-strict-mode=0', '--slave-exec-mode=IDEMPOTENT'],
  );
  expect(complaints).toMatch(/^counter: the row of all clients is short: /m);
});

/** The complaints of the checker, one per line, over a handover from A to B under load. */
async function complaintsAfter(
  handOver: (control: Control) => Promise<void>,
  args: readonly string[] = [],
): Promise<string> {
  await using folder = await tempDir('control');
  await using pair = await startMariaPair({ args });
  const { a, b } = pair;
  await prepareTables(a);
  const members = [a.address, b.address];
  await using haproxy = await startHaproxy({ folder: folder.path, tag: 'control', members, open: a.address });
  await using observer = startObserver([a.socket, b.socket]);
  await using scratch = await startScratch([a, b]);
  await using clients = startWorkload({
    port: haproxy.port,
    ...accounts.app,
    database: 't',
    work: ['set', 'shared', 'counter'],
  });
  await clients.flowing();
  await handOver({ a, b, haproxy, clients });
  const journal = await clients.stop();
  await Promise.all([observer.stop(), scratch.stop()]);
  await replicationRests([a, b]).catch(() => undefined);
  const verdict = check({
    journal,
    writer: await holdingOf(b),
    others: [await holdingOf(a)],
    twoWritable: observer.sightings.length,
    reportedExtra: new Map(),
    observed: scratch.taken,
    changes: 1,
  });
  return verdict.complaints.join('\n');
}
