import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { prepareTables } from '../support/holdings.ts';
import { accounts } from '../support/mariadb-template.ts';
import { reclone } from '../support/reclone.ts';
import { startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';
import { startWorkload } from '../support/workload.ts';

test('both servers down and back: the last writer is opened again, with everything that was acknowledged', async () => {
  await using stack = await startStack();
  const writer = await stack.writer();
  const standby = stack.other(writer);
  const { verdict } = await underLoad(stack, { work: ['set', 'counter'] }, async () => {
    await Promise.all([standby.kill9(), writer.kill9()]);
    await Promise.all([standby.start(), writer.start()]);
    await stack.stable(writer, 30_000);
    await stack.healthy();
  });
  expect(verdict).toMatchObject({ complaints: [], lost: 0 });
});

test('a server that comes back from an old copy of itself is not taken for a standby: it would skip what it wrote', async () => {
  await using stack = await startStack();
  const old = await stack.writer();
  await prepareTables(old);
  const app = { port: stack.haproxy.port, ...accounts.app, database: 't' };
  {
    await using workload = startWorkload(app);
    await workload.flowing();
  }
  expect(await stack.control('switchover')).toMatchObject({ code: 0 });
  const writer = await stack.writer();
  await old.kill9();
  // Out of everybody's reach but the socket's: the daemons see it as dead.
  await old.start(['--skip-networking']);
  await old.admin('TRUNCATE TABLE t.writes');
  await old.admin('RESET MASTER');
  await old.admin("SET GLOBAL gtid_slave_pos = '0-1-5'");
  await old.shutdown();
  await using workload = startWorkload(app);
  await workload.flowing();
  await old.start();
  const diverged = await eventually(
    'the returned server is judged',
    async () => (await stack.topology())?.members.find(({ address }) => address === old.address),
    (member) => member?.state === 'diverged' || member?.state === 'online',
  );
  expect(diverged).toMatchObject({ state: 'diverged', extra: { lost: true } });
  expect(await old.admin('SELECT COUNT(*) AS held FROM t.writes')).toEqual([{ held: 0 }]);
  expect((await stack.status()).stdout).toContain('of its own that the writer holds');
  expect(await stack.writer()).toBe(writer);
  await workload.stop();
  await reclone(old, writer);
  await stack.healthy(60_000);
});
