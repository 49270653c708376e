import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The end-to-end tests run the built programs: what is built is what stands in `src` now. */
export default async function build(): Promise<void> {
  await promisify(execFile)('npm', ['run', 'build', '--silent'], { timeout: 120_000 });
}
