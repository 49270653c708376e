import { expect, test } from 'vitest';
import { startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

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
