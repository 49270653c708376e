import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Verification, verifyThrough } from '../../src/haproxy/verify.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { type MariaPair, startMariaPair } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { tempDir } from '../support/processes.ts';

let pair: MariaPair;
let haproxy: Haproxy;
let folder: Awaited<ReturnType<typeof tempDir>>;

beforeAll(async () => {
  folder = await tempDir('verify');
  pair = await startMariaPair({ linked: false });
  const members = [pair.a.address, pair.b.address];
  haproxy = await startHaproxy({ folder: folder.path, tag: 'verify', members, open: pair.a.address });
});

afterAll(async () => {
  await haproxy?.stop();
  await pair?.dispose();
  await folder?.[Symbol.asyncDispose]();
});

test('the writer behind the proxy is proven by its server_id', async () => {
  expect(await verify({ serverId: await serverIdOf(pair.a) })).toBe('writer');
  expect(await verify({ serverId: '' })).toBe('writable');
});

test('another server is found out', async () => {
  await expect(verify({ serverId: await serverIdOf(pair.b) })).rejects.toThrow(
    /leads to the server with server_id/,
  );
});

test('a read-only server is found out', async () => {
  await haproxy.route(pair.b.address, { cut: true });
  await expect(verify({ serverId: await serverIdOf(pair.b) })).rejects.toThrow('read-only');
  await haproxy.route(pair.a.address, { cut: true });
});

test('a wrong password is named without showing it', async () => {
  const wrong = verify({ serverId: '', password: 'not-this-one' });
  await expect(wrong).rejects.toThrow(`as ${accounts.verify.user}`);
  await expect(wrong).rejects.not.toThrow('not-this-one');
});

test('a proxy that accepts and never answers is given up in time', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const at = silent.address();
  const port = typeof at === 'object' ? at?.port : 0;
  const startedMs = performance.now();
  await expect(verify({ serverId: '', listen: `127.0.0.1:${port}`, timeoutMs: 200 })).rejects.toThrow();
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  silent.close();
});

function verify(over: Partial<Verification> & Pick<Verification, 'serverId'>): Promise<string> {
  const { user, password } = accounts.verify;
  const listen = `127.0.0.1:${haproxy.port}`;
  return verifyThrough({ listen, user, password, writer: pair.a.address, timeoutMs: 1_000, ...over });
}

async function serverIdOf(server: MariaPair['a']): Promise<string> {
  const [row] = await server.admin('SELECT @@server_id AS id');
  return String(row?.id);
}
