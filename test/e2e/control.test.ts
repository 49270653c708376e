import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, pause } from '../support/eventually.ts';
import { rootSession } from '../support/mariadb-admin.ts';
import type { CommandResult } from '../support/run-command.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

/** `strict`: a crash proves nothing to monitors, so that a person has to answer for it. */
const KEYS = ['fencing=strict'];

describe('an operator with mmm-control', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ clusterKeys: KEYS });
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  const generation = async () => (await stack.topology())?.generation;
  const said = ({ code, stdout, stderr }: CommandResult) => ({ code, said: stdout + stderr });

  test('is told what a switchover would do, and nothing is done', async () => {
    const before = await stack.topology();
    const { code, stdout } = await stack.control('switchover', '--dry-run');
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('could begin') });
    expect(stdout).not.toContain('cannot be seen');
    expect(await stack.topology()).toEqual(before);
  });

  test('is not let into a switchover that a long or a prepared transaction would spoil', async () => {
    const before = await generation();
    const writer = await stack.writer();
    const session = await writer.session();
    await session.query('BEGIN');
    await session.query("INSERT INTO t.x (v) VALUES ('long')");
    const [row] = await session.query('SELECT CONNECTION_ID() AS id');
    const named = `connection ${row?.id} of `;
    const tried = await eventually(
      'a dry run that names the connection',
      () => stack.control('switchover', '--dry-run'),
      ({ stdout }) => stdout.includes(named),
    );
    expect(tried.code).toBe(1);
    expect(said(await stack.control('switchover'))).toEqual({
      code: 1,
      said: expect.stringContaining(named),
    });
    await session.query('COMMIT');
    session.end();
    const xa = await rootSession(writer.socket);
    const prepare = ["XA START 'x'", "INSERT INTO t.x (v) VALUES ('xa')", "XA END 'x'", "XA PREPARE 'x'"];
    for (const sql of ['SET sql_log_bin = 0', ...prepare]) await xa.query(sql);
    const prepared = '1 XA transaction is prepared';
    // The monitor may not have looked yet: a real switchover would begin.
    await eventually(
      'a dry run that sees it',
      () => stack.control('switchover', '--dry-run'),
      ({ stdout }) => stdout.includes(prepared),
    );
    expect(said(await stack.control('switchover'))).toEqual({
      code: 1,
      said: expect.stringContaining(prepared),
    });
    await xa.query("XA ROLLBACK 'x'");
    xa.end();
    expect(await generation()).toBe(before);
  });

  test('takes a standby out of service for a while: it is no target, and comes back by itself', async () => {
    const writer = await stack.writer();
    const standby = stack.other(writer).address;
    expect(said(await stack.control('set_offline', writer.address))).toEqual({
      code: 1,
      said: expect.stringContaining('switch over first'),
    });
    expect((await stack.control('set_offline', standby, '--for', '2s')).code).toBe(0);
    const { stdout } = await stack.status();
    expect(stdout).toMatch(new RegExp(`note: ${standby} is in maintenance by .* for another [012] s`));
    expect(said(await stack.control('switchover'))).toEqual({
      code: 1,
      said: expect.stringContaining('in maintenance'),
    });
    await stack.identify.kill9();
    stack.identify.start();
    await stack.healthy();
  });

  test('moves the role away from a writer that lives, and nothing is lost', async () => {
    const writer = await stack.writer();
    const { verdict } = await underLoad(stack, { pauseMs: 15 }, async (workload) => {
      expect(said(await stack.control('failover'))).toEqual({
        code: 0,
        said: expect.stringContaining('takes writes'),
      });
      await stack.stable(stack.other(writer));
      await workload.flowing();
    });
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
    await stack.healthy();
  });

  test('answers alone for a writer whose death nothing proves', async () => {
    const writer = await stack.writer();
    const before = await generation();
    await writer.kill9();
    const explained = await eventually(
      'an explanation',
      () => stack.status('explain'),
      ({ stdout }) => stdout.includes('decides: replace a dead writer'),
    );
    expect(explained.stdout).toContain('nothing could prove that it is closed');
    expect(said(await stack.control('failover'))).toEqual({
      code: 1,
      said: expect.stringContaining('say --force'),
    });
    await pause(500);
    expect(await generation()).toBe(before);
    const { code, stdout, stderr } = await stack.control('failover', '--force');
    expect({ code, stdout, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('risk: --force'),
    });
    await stack.stable(stack.other(writer));
    const last = (await stack.events()).findLast(
      ({ kind, phase }) => kind === 'failover' && phase === 'stable',
    );
    expect(last).toMatchObject({ proof: 'operator', reason: expect.stringContaining('who vouches') });
    expect((await stack.status()).stdout).toContain('rests on proof (operator): a person vouched');
    await writer.start();
    await stack.healthy();
  });
});
