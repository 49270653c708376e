import { expect, test } from 'vitest';
import { switchLikeTheAncestor } from '../support/ancestor-switch.ts';
import { check } from '../support/checker.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { holdingOf, prepareTables, replicationRests } from '../support/holdings.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { startObserver } from '../support/observer.ts';
import { tempDir } from '../support/processes.ts';
import { startWorkload } from '../support/workload.ts';

test('the order of the ancestor, open first and close afterwards, fails the checker', async () => {
  await using folder = await tempDir('control');
  await using pair = await startMariaPair();
  const { a, b } = pair;
  await prepareTables(a);
  const members = [a.address, b.address];
  await using haproxy = await startHaproxy({ folder: folder.path, tag: 'control', members, open: a.address });
  await using observer = startObserver([a.socket, b.socket]);
  await using workload = startWorkload({
    port: haproxy.port,
    ...accounts.app,
    database: 't',
    work: ['set', 'shared'],
    writesPerConnection: 20,
  });
  await workload.flowing();

  await switchLikeTheAncestor(haproxy, a, b);

  await workload.flowing();
  const journal = await workload.stop();
  await observer.stop();
  await replicationRests([a, b]);
  const verdict = check({
    journal,
    writer: await holdingOf(b),
    others: [await holdingOf(a)],
    twoWritable: observer.sightings.length,
    reportedExtra: new Map(),
  });
  const complaints = verdict.complaints.join('\n');
  expect(complaints).toMatch(/^two writable: /m);
  expect(complaints).toMatch(/^(?:counter: the row of all clients is short|lost): /m);
});
