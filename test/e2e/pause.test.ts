import { expect, test } from 'vitest';
import { startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

test('paused, the writer may be restarted: nobody takes over, and it is opened again', async () => {
  await using stack = await startStack();
  const writer = await stack.writer();
  const before = await stack.stable(writer);
  expect((await stack.control('pause')).code).toBe(0);
  const { verdict } = await underLoad(stack, { work: ['set', 'counter'] }, async () => {
    await writer.shutdown();
    await writer.start();
    await stack.stable(writer, 30_000);
  });
  expect(verdict).toMatchObject({ complaints: [], lost: 0 });
  const kinds = (await stack.events())
    .filter(({ generation, phase }) => Number(generation) > before.generation && phase === 'stable')
    .map(({ kind }) => kind);
  expect(kinds).not.toContain('failover');
  expect((await stack.control('resume')).code).toBe(0);
  await stack.healthy();
});
