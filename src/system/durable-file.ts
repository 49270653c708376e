import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a file, or leaves the old one whole. Resolves when the change survives a power cut. Mode 0600. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const stage = `${file}.${randomUUID()}.tmp`;
  try {
    await withHandle(stage, 'wx', async (handle) => {
      await handle.writeFile(text);
      await handle.sync();
    });
    await rename(stage, file);
  } catch (error) {
    await rm(stage, { force: true });
    throw error;
  }
  await withHandle(dirname(file), 'r', (folder) => folder.sync());
}

type Handle = Awaited<ReturnType<typeof open>>;

async function withHandle(
  path: string,
  flags: string,
  use: (handle: Handle) => Promise<void>,
): Promise<void> {
  const handle = await open(path, flags, 0o600);
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}
