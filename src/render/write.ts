import { constants } from 'node:fs';
import { type FileHandle, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RenderError } from '../errors.ts';

/** New content that waits, complete and on disk, beside the file it is for. */
export interface Staged {
  readonly path: string;
  /** Puts it in place, durably; readers see the old file or the new one. */
  persist(): Promise<'renamed' | 'in place'>;
  discard(): Promise<void>;
}

/** The file's text; null when there is none. */
export async function readText(dest: string): Promise<string | null> {
  try {
    return await readFile(dest, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw failed(dest, 'cannot be read', error);
  }
}

/**
 * Stages `text` for `dest`. A link is followed, so that it stays a link. One writer per file: what an
 * earlier, killed one left behind is replaced.
 */
export async function stage(dest: string, text: string, mode: number): Promise<Staged> {
  try {
    const target = await realpath(dest).catch(() => dest);
    const path = join(dirname(target), `.${basename(target)}.mmm-stage`);
    await remove(path);
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.writeFile(text);
      await keepOwner(file, target);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    return {
      path,
      persist: () => persist(path, target, text),
      discard: () => remove(path),
    };
  } catch (error) {
    throw failed(dest, 'cannot be staged', error);
  }
}

async function persist(path: string, target: string, text: string): Promise<'renamed' | 'in place'> {
  try {
    await rename(path, target);
    const folder = await open(dirname(target), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return 'renamed';
  } catch (error) {
    // A bind-mounted file cannot be replaced, only written.
    if (codeOf(error) !== 'EBUSY' && codeOf(error) !== 'EXDEV')
      throw failed(target, 'cannot be replaced', error);
    await writeInPlace(target, text);
    await remove(path);
    return 'in place';
  }
}

/** One write at the start, then the cut: a reader sees a mix for microseconds at most. */
async function writeInPlace(target: string, text: string): Promise<void> {
  try {
    const bytes = Buffer.from(text);
    const file = await open(target, 'r+');
    try {
      await file.write(bytes, 0, bytes.length, 0);
      await file.truncate(bytes.length);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw failed(target, 'cannot be written in place', error);
  }
}

async function keepOwner(file: FileHandle, target: string): Promise<void> {
  const before = await stat(target).catch(() => null);
  const now = await file.stat();
  if (before === null || (before.uid === now.uid && before.gid === now.gid)) return;
  await file.chown(before.uid, before.gid);
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function failed(path: string, what: string, error: unknown): RenderError {
  const reason = error instanceof Error ? error.message : String(error);
  return new RenderError(`${path} ${what}: ${reason}`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
