import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { errnoOf, errnoWords } from '../core/errno.ts';
import { CommandError } from '../errors.ts';

/**
 * Runs a command without a shell and has what it prints written to `file`, which must not exist and is for its owner
 * alone. Rejects with CommandError; what was written until then stays.
 */
export async function dump(words: readonly string[], file: string, timeoutMs: number): Promise<void> {
  const [name = '', ...args] = words;
  const target = await create(file);
  try {
    const child = execa(name, args, {
      stdin: 'ignore',
      buffer: { stdout: false },
      reject: false,
      timeout: timeoutMs,
    });
    // What went wrong is told by the command's end: a broken pipe only follows it.
    const written = keep(child.stdout, target).then(
      () => null,
      (error: unknown) => error,
    );
    const [result, trouble] = await Promise.all([child, written]);
    if (errnoOf(trouble) === 'ENOSPC') throw new CommandError(`${file}: ${errnoWords(trouble)}`);
    if (result.failed) throw new CommandError(failure(name, result, timeoutMs));
    if (trouble !== null) throw new CommandError(`${file} is not whole: ${errnoWords(trouble)}`);
    await target.sync();
  } finally {
    await target.close();
  }
}

async function keep(output: Readable, target: FileHandle): Promise<void> {
  for await (const chunk of output) await target.writeFile(chunk);
}

async function create(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    throw new CommandError(`${file} cannot be made: ${errnoWords(error)}`, { cause: error });
  }
}

interface Failed {
  readonly timedOut: boolean;
  readonly exitCode?: number | undefined;
  readonly cause?: unknown;
  readonly stderr: string;
}

function failure(name: string, { timedOut, exitCode, cause, stderr }: Failed, timeoutMs: number): string {
  if (timedOut) return `${name} was ended after ${timeoutMs / 1000} s`;
  if (errnoOf(cause) === 'ENOENT')
    return `${name} is not installed here; install it, or name another one with --program`;
  const said = stderr
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-3)
    .join(' ')
    .slice(0, 1000);
  return `${name} failed${exitCode === undefined ? '' : ` with exit code ${exitCode}`}: ${said}`;
}
