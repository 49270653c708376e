import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startStack } from '../support/stack.ts';

test('HUP: a file with mistakes is refused with all of them, the old configuration works on; a good one is taken', async () => {
  await using stack = await startStack();
  const before = await stack.stable();
  const good = await readFile(stack.files.mmm, 'utf8');

  await writeFile(
    stack.files.mmm,
    good.replace('interval=3', 'interval=soon\nprobe_intervall=1s\nlease_ttl=5s'),
  );
  stack.identify.reload();
  const refused = await said(stack.identify, 'reload-refused', 1);
  expect(refused.mistakes).toHaveLength(2);
  expect(JSON.stringify(refused.mistakes)).toContain('lease_ttl');
  expect((await stack.control('switchover')).code).toBe(2); // it reads the same broken file
  expect(await stack.topology()).toMatchObject({ generation: before.generation });

  // Readable, but its state directory cannot be made: found out before anything is given up.
  const blocked = join(stack.folder, 'not-a-folder');
  await writeFile(blocked, '');
  const sidecar = await readFile(stack.files.sidecar, 'utf8');
  await writeFile(stack.files.sidecar, sidecar.replace(/^dir=.*$/m, `dir=${blocked}`));
  stack.sidecar.reload();
  await said(stack.sidecar, 'reload-refused', 1);
  await writeFile(stack.files.sidecar, sidecar);

  await writeFile(stack.files.mmm, good.replace('interval=3', 'interval=1'));
  for (const daemon of stack.daemons) daemon.reload();
  for (const daemon of stack.daemons) await said(daemon, 'reloaded', 1);
  expect(stack.daemons.map((daemon) => daemon.alive())).toEqual([true, true, true, true]);
  expect((await stack.control('switchover')).code).toBe(0);
  await stack.healthy();
});

/** Resolves with the last line of this event once there are `count`. */
async function said(
  daemon: Daemon,
  event: string,
  count: number,
): Promise<Readonly<Record<string, unknown>>> {
  const lines = await eventually(
    `${daemon.name} says ${event}`,
    async () => (await daemon.lines()).filter((line) => line.event === event),
    (seen) => seen.length >= count,
  );
  return lines.at(-1) ?? {};
}
