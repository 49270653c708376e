import { access, constants, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { errnoOf, errnoWords } from '../core/errno.ts';
import { ConfigError } from '../errors.ts';
import { writeDurably } from './durable-file.ts';
import { makeFolder } from './folder.ts';

/**
 * Makes the state directory, for nobody else to read, and tries whether it keeps what is written: a full disk is
 * better known now than in the middle of a handover. Rejects with ConfigError when it cannot be used.
 */
export async function prepareStateDir(dir: string): Promise<void> {
  try {
    makeFolder(dir, 0o700);
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    const trial = join(dir, `.trial-${process.pid}`);
    await writeDurably(trial, 'may be removed\n');
    await rm(trial, { force: true });
  } catch (error) {
    throw unusable(dir, error);
  }
}

/** What is wrong with the state directory, and what to do. */
export function unusable(dir: string, error: unknown): ConfigError {
  return new ConfigError([
    `state directory ${dir} cannot be used: ${errnoWords(error)}; ${advice(dir, error)}, or name another one as [state] dir=`,
  ]);
}

function advice(dir: string, error: unknown): string {
  switch (errnoOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return `as root: mkdir -p ${dir} && chown -R ${user()} ${dir} && chmod 700 ${dir}`;
    case 'EEXIST':
    case 'ENOTDIR':
      return 'move that file away';
    case 'EDQUOT':
    case 'EFBIG':
    case 'ENOSPC':
      return 'make room';
    case 'EROFS':
      return 'mount it writable';
    default:
      return `make it writable for ${user()}`;
  }
}

/** Who runs this program; a container may have no name for it. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'this user');
  }
}
