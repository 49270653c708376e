import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeGap } from '../support/journal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

describe('mmm-control switchover under eight writers', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test.for([
    ['set', ['set']],
    ['counter', ['counter', 'shared']],
  ] as const)('there and back loses and doubles nothing: %s', async ([, work]) => {
    const first = await stack.writer();
    const { verdict, journal, disturbedMs } = await underLoad(stack, { work }, async (workload) => {
      for (const next of [stack.other(first), first]) {
        const { code, stdout, stderr } = await stack.control('switchover', '--to', next.address);
        expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
        await stack.stable(next);
        await workload.flowing();
      }
    });
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
    const { gapMs } = writeGap(journal, disturbedMs);
    console.log(`write gap of a switchover under full load: ${Math.round(gapMs)} ms (target p99 150)`);
    expect(gapMs).toBeLessThan(1_500);
    await stack.healthy();
    const done = (await stack.events()).filter(
      ({ kind, phase }) => kind === 'switchover' && phase === 'stable',
    );
    expect(done.map(({ proof }) => proof).slice(-2)).toEqual(['a', 'a']);
  });

  test('without --to takes the standby, and the old writer is the standby afterwards', async () => {
    const first = await stack.writer();
    const { code } = await stack.control('switchover');
    expect(code).toBe(0);
    const { members } = await stack.stable(stack.other(first));
    expect(members.find(({ address }) => address === first.address)?.role).toBe('standby');
    await stack.healthy();
    expect(await first.admin('SELECT @@read_only AS closed')).toEqual([{ closed: 1 }]);
  });

  test('to a server that is down is refused, with the reason, and nothing changes', async () => {
    const writer = await stack.writer();
    const standby = stack.other(writer);
    await standby.kill9();
    const { code, stdout, stderr } = await stack.control('switchover', '--to', standby.address);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(standby.address);
    await stack.stable(writer);
    await standby.start();
    await stack.healthy();
  });

  test('blocked by a long statement is undone in time: the writer stays, and its statement runs on', async () => {
    const writer = await stack.writer();
    const session = await writer.session();
    const slow = session.query('INSERT INTO t.x (v) SELECT SLEEP(8)').then(
      () => 'done',
      (error: unknown) => String(error),
    );
    const { verdict, journal, disturbedMs } = await underLoad(stack, {}, async () => {
      const started = performance.now();
      const { code, stdout, stderr } = await stack.control('switchover');
      expect({ code, said: stdout + stderr }).toMatchObject({ code: 1 });
      expect(performance.now() - started).toBeLessThan(20_000);
      await stack.stable(writer);
    });
    expect(await slow).toBe('done');
    session.end();
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
    // write_pause_budget is 2 s, and the way back takes a moment.
    expect(writeGap(journal, disturbedMs).gapMs).toBeLessThan(20_000);
    await stack.healthy();
  });

  test('without an agent that could close the old writer is undone, and clients go on', async () => {
    const writer = await stack.writer();
    await stack.agent.kill9();
    const { verdict } = await underLoad(stack, {}, async (workload) => {
      const { code, stdout, stderr } = await stack.control('switchover');
      expect({ code, said: stdout + stderr }).toMatchObject({ code: 1 });
      await workload.flowing(20, 5_000);
      stack.agent.start();
      await stack.agent.ready();
      await stack.stable(writer);
    });
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
    await stack.healthy();
  });
});
