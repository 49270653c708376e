import { open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RenderError } from '../errors.ts';

const shipped = fileURLToPath(new URL('../../templates/', import.meta.url));
const LARGEST = 1_000_000;

/**
 * Reads a template by its name in `templatesDir`, else among the shipped ones, or by a path.
 * A template is code of the administrator: one that strangers may write is refused.
 */
export async function readTemplate(name: string, templatesDir: string | null): Promise<string> {
  const tried: string[] = [];
  for (const path of candidates(name, templatesDir)) {
    const text = await readTrusted(path);
    if (text !== null) return text;
    tried.push(path);
  }
  throw new RenderError(`template ${name} is not there: looked for ${tried.join(', ')}`);
}

/** Reads a file the administrator wrote, at most 1 MB; null when it is not there. */
export async function readTrusted(path: string): Promise<string | null> {
  try {
    const file = await open(path, 'r');
    try {
      const { uid, mode, size } = await file.stat();
      const own = process.geteuid?.() ?? 0;
      if (uid !== 0 && uid !== own) {
        throw new RenderError(`${path} belongs to another user (uid ${uid}): chown it to root`);
      }
      if ((mode & 0o022) !== 0) {
        throw new RenderError(`${path} can be changed by other users: chmod go-w ${path}`);
      }
      if (size > LARGEST) throw new RenderError(`${path} is larger than ${LARGEST} bytes`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof RenderError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new RenderError(`${path} cannot be read: ${message}`, { cause: error });
  }
}

function candidates(name: string, templatesDir: string | null): string[] {
  if (isAbsolute(name)) return [name];
  return [...(templatesDir === null ? [] : [join(templatesDir, name)]), join(shipped, name)];
}
