/**
 * The first step of every program, before anything else is loaded: is this Node recent enough? This file and the
 * entries beside it keep to a syntax that Node 12 reads; what they start is loaded afterwards.
 */
import type { Program } from '../cli/main.ts';

/** Major and minor, as in `engines` of package.json. */
const OLDEST = [20, 19];

/** Runs the program that `load` brings, or says in one sentence that it needs a newer Node. */
export function start(name: string, load: () => Promise<Program>): void {
  if (isTooOld(process.versions.node)) {
    process.stderr.write(`${name}: needs Node ${OLDEST.join('.')} or later, this is ${process.version}\n`);
    // For a monitoring system 2 would be an outage; mmm-status says "unknown", as for any other wrong use.
    process.exit(name === 'mmm-status' ? 3 : 2);
  }
  Promise.all([import('../cli/main.ts'), load()]).then(([{ main }, program]) => main(program));
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
