/** Ready datadirs, made once per machine and copied by every test. */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { rootSession } from './mariadb-admin.ts';

/** The folder for what `madeOf` says; when it is not there yet, `fill` makes it as `data` in the draft it is given. */
export async function templateFolder(
  name: string,
  madeOf: readonly string[],
  fill: (draft: string) => Promise<void>,
): Promise<string> {
  const key = createHash('sha256').update(madeOf.join('\n')).digest('hex').slice(0, 12);
  const cache = join(tmpdir(), `mmm-manager-tests-${userInfo().uid}`);
  const folder = join(cache, `${name}-${key}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  await chmod(cache, 0o755);
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await chmod(draft, 0o755);
    await fill(draft);
    await rename(join(draft, 'data'), folder).catch((error: unknown) => {
      // Another test process was first: its copy is as good.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}

/** Runs the statements on a server that has just been started, and ends it. */
export async function setUp(
  server: ChildProcess,
  socket: string,
  statements: readonly string[],
): Promise<void> {
  try {
    const session = await eventually('the template server answers', () => rootSession(socket), undefined, {
      withinMs: 60_000,
    });
    for (const sql of statements) await session.query(sql);
    session.end();
  } finally {
    await quit(server);
  }
}

async function quit(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await gone;
}
