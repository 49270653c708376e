import { access, constants, mkdir } from 'node:fs/promises';
import { ConfigError } from '../errors.ts';

/** Makes the state directory, for nobody else to read. Rejects with ConfigError when it cannot be used. */
export async function prepareStateDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError([
      `state directory ${dir} cannot be used: ${why}; make it writable or name another one as [state] dir=`,
    ]);
  }
}
