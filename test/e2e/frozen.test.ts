import { expect, test } from 'vitest';
import { startStack } from '../support/stack.ts';
import { afterReturn, underLoad } from '../support/under-load.ts';

test('a frozen writer is cut off and replaced; when it thaws it is closed, and nothing of it is hidden', async () => {
  await using stack = await startStack({ clusterKeys: ['freeze_timeout=1s'] });
  const frozen = await stack.writer();
  const heir = stack.other(frozen);
  const { verdict } = await underLoad(stack, { accepts: 'two writable' }, async (workload) => {
    frozen.freeze();
    await stack.stable(heir, 30_000);
    await workload.flowing();
    frozen.thaw();
  });
  // It wakes up open beside the new writer, and nobody is led to it until its agent has closed it.
  expect(verdict.complaints).toEqual([]);
  const told = (await stack.events()).find(({ kind, phase }) => kind === 'failover' && phase === 'stable');
  expect(told).toMatchObject({ from: frozen.address, to: heir.address, proof: 'e' });
  await afterReturn(stack, frozen);
  expect(await frozen.admin('SELECT @@read_only AS closed')).toEqual([{ closed: 1 }]);
});
