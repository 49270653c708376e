/** A haproxy that goes away, or is replaced, while it is being asked. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createRuntimeSocket } from '../../../src/haproxy/socket.ts';

test('a haproxy that ends while it is asked is asked again, and is nobody once it is gone', async () => {
  const { path, close } = await pretend((client, count) => {
    if (count === 3) close();
    client.destroy();
  });
  expect(await createRuntimeSocket(path, 2_000).ask('show info')).toBe(null);
});

test('what a haproxy broke off is answered by the one that takes over', async () => {
  const { path } = await pretend((client, count) => {
    if (count < 3) client.destroy();
    else client.end('Pid: 7\n');
  });
  expect(await createRuntimeSocket(path, 2_000).ask('show info')).toBe('Pid: 7\n');
});

test('a haproxy that breaks off every connection is not called gone', async () => {
  const { path } = await pretend((client) => client.destroy());
  await expect(createRuntimeSocket(path, 100).ask('show info')).rejects.toThrow(
    `haproxy at ${path} gave no answer within 100 ms: it breaks off every connection`,
  );
});

/** Listens on a runtime socket; `take` gets each connection and the how manieth it is. */
async function pretend(
  take: (client: Socket, count: number) => void,
): Promise<{ readonly path: string; close(): void }> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-socket-'));
  const path = join(folder, 'haproxy.sock');
  let count = 0;
  const haproxy = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => undefined);
    count += 1;
    take(client, count);
  });
  await new Promise<void>((resolve) => haproxy.listen(path, resolve));
  const close = () => void haproxy.close();
  onTestFinished(async () => {
    close();
    await rm(folder, { recursive: true });
  });
  return { path, close };
}
