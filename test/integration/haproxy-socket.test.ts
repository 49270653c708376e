/** A runtime socket that cannot be used says why, by names that an operator knows. */
import { chmod, chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createResolver } from '../../src/haproxy/resolve.ts';
import { createRouter, type Router } from '../../src/haproxy/router.ts';
import { createClock } from '../../src/system/clock.ts';
import { asNobody, isRoot } from '../support/as-nobody.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { tempDir } from '../support/processes.ts';

const MEMBERS = ['127.0.0.1:3307', '127.0.0.1:3308'];

let folder: Awaited<ReturnType<typeof tempDir>>;
let haproxy: Haproxy;
beforeAll(async () => {
  folder = await tempDir('haproxy-socket');
  haproxy = await startHaproxy({ folder: folder.path, tag: 'orders', members: MEMBERS });
});
afterAll(async () => {
  await haproxy?.stop();
  await folder[Symbol.asyncDispose]();
});

function routerAt(socket: string): Router {
  const clock = createClock();
  const resolver = createResolver({ timeoutMs: 500, keepMs: 1000, now: () => clock.now() });
  return createRouter({ socket, clock, resolver, timeoutMs: 500 });
}

/** Why nobody could be cut off; or what was done. */
async function told(socket: string): Promise<string> {
  const plan = { members: MEMBERS, writer: null, backend: null };
  const how = { fresh: true, signal: new AbortController().signal };
  const outcome: unknown = await routerAt(socket)
    .route(plan, how)
    .catch((error: unknown) => error);
  return outcome instanceof Error ? outcome.message : JSON.stringify(outcome);
}

test.skipIf(!isRoot)('a socket of somebody else names its owner, its group and what to do', async () => {
  const { socket } = haproxy;
  const refused = () => asNobody(() => told(socket));
  expect(await refused()).toBe(
    `haproxy at ${socket} cannot be asked: permission denied for nobody: it belongs to root, group root, mode 600; ` +
      'let its "stats socket" line in haproxy say: user root group root mode 660, and add nobody to the group root ' +
      '(usermod -aG root nobody) and restart this program',
  );
  await chown(socket, 0, 1);
  await chmod(socket, 0o660);
  expect(await refused()).toBe(
    `haproxy at ${socket} cannot be asked: permission denied for nobody: it belongs to root, group daemon, mode 660; ` +
      'add nobody to the group daemon (usermod -aG daemon nobody) and restart this program',
  );
  await chmod(socket, 0o666);
  expect(await refused()).toContain('"state":"done"');
  await chmod(folder.path, 0o700);
  expect(await refused()).toContain(
    `permission denied for nobody: it may not enter ${folder.path}; let it in (chmod g+x, usermod -aG)`,
  );
  await chmod(folder.path, 0o755);
});

test.for(['user', 'operator'] as const)(
  'a socket with level %s only is told what it needs',
  async (level) => {
    await using own = await tempDir('haproxy-level');
    const options = { folder: own.path, tag: 'orders', members: MEMBERS, open: MEMBERS[0] ?? '', level };
    await using low = await startHaproxy(options);
    expect(await told(low.socket)).toMatch(/does not obey \(.+\): its stats socket needs "level admin"$/);
  },
);

test('a file that is no socket is told so; a socket that nobody listens on, or none at all, is no haproxy', async () => {
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  expect(await told(file)).toBe(
    `haproxy at ${file} cannot be asked: this is no socket; correct socket= or remove that file`,
  );
  await rm(file);
  expect(await told(file)).toContain('"state":"nobody"');
  await using own = await tempDir('haproxy-stale');
  const gone = await startHaproxy({ folder: own.path, tag: 'orders', members: MEMBERS });
  await gone.stop();
  expect(await told(gone.socket)).toContain('"state":"nobody"');
});
