import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually, pause } from '../support/eventually.ts';
import type { MariaServer } from '../support/mariadb.ts';
import { rootSession, type TestSession } from '../support/mariadb-admin.ts';
import { accounts } from '../support/mariadb-template.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Longer than it takes to give up a silent server with the keys below. */
const LONG_ENOUGH_MS = 4_000;

describe('a writer that is alive but will not let us look is not failed over', () => {
  let stack: Stack;
  beforeEach(async () => {
    stack = await startStack({ clusterKeys: ['silence=1s', 'confirm=200ms'] });
  });
  afterEach(() => stack?.[Symbol.asyncDispose]());

  test('wrong password: it stays the writer, an alarm says so, and all is well once the password is right', async () => {
    const writer = await stack.writer();
    const before = await stack.stable(writer);
    await setPassword(writer, 'another');
    await cutOff(writer);
    await complains(stack);
    await pause(LONG_ENOUGH_MS);
    expect(await stack.topology()).toMatchObject({ generation: before.generation, writer: writer.address });
    await setPassword(writer, accounts.mmm.password);
    await stack.healthy();
    await eventually(
      'mmm-status is content',
      () => stack.status(),
      ({ code }) => code === 0,
    );
  });

  test('too many connections: it stays the writer, an alarm says so, and all is well once there is room', async () => {
    const writer = await stack.writer();
    const before = await stack.stable(writer);
    const crowd = await fill(writer);
    await complains(stack);
    await pause(LONG_ENOUGH_MS);
    expect(await stack.topology()).toMatchObject({ generation: before.generation, writer: writer.address });
    for (const session of crowd) session.end();
    await stack.healthy();
    await eventually(
      'mmm-status is content',
      () => stack.status(),
      ({ code }) => code === 0,
    );
  });
});

async function setPassword(server: MariaServer, password: string): Promise<void> {
  await server.admin(
    `SET STATEMENT sql_log_bin=0 FOR ALTER USER ${accounts.mmm.user}@'%' IDENTIFIED BY '${password}'`,
  );
}

/** Ends the daemons' sessions: an open one needs no password. */
async function cutOff(server: MariaServer): Promise<void> {
  await server.admin(`KILL USER ${accounts.mmm.user}`);
}

/** Takes every connection, also the one that is kept for administrators, and those that the daemons had. */
async function fill(server: MariaServer): Promise<readonly TestSession[]> {
  const first = await rootSession(server.socket);
  const crowd = [first];
  await first.query('SET GLOBAL max_connections = 10');
  const daemonsLeft = async () => {
    await first.query(`KILL USER ${accounts.mmm.user}`);
    for (;;) {
      const session = await rootSession(server.socket).catch(() => null);
      if (session === null) break;
      crowd.push(session);
    }
    // One that is logging in just now would be in a moment later.
    const where = `user IN ('${accounts.mmm.user}', 'unauthenticated user')`;
    return first.query(`SELECT id FROM information_schema.processlist WHERE ${where}`);
  };
  await eventually('the daemons have no connection left', daemonsLeft, (left) => left.length === 0);
  return crowd;
}

/** The state of things is not hidden: mmm-status says degraded. */
async function complains(stack: Stack): Promise<void> {
  await eventually(
    'mmm-status complains',
    () => stack.status(),
    ({ code }) => code === 1,
  );
}
