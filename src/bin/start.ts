/**
 * The first step of every program, before anything else is loaded: is this Node recent enough? This file and the
 * entries beside it keep to a syntax that Node 12 reads; what they start is loaded afterwards.
 */
import type { Program } from '../cli/main.ts';

/** Major and minor, as in `engines` of package.json. */
const OLDEST = [20, 19];
const DAEMONS = ['mmm-monitor', 'mmm-identify', 'mmm-agent', 'mmm-sidecar'];

/** Runs the program that `load` brings, or says in one sentence why it cannot. */
export function start(name: string, load: () => Promise<Program>): void {
  // For a monitoring system 2 would be an outage; mmm-status says "unknown", as for any other wrong use.
  const unknown = name === 'mmm-status' ? 3 : null;
  if (isTooOld(process.versions.node)) {
    process.stderr.write(`${name}: needs Node ${OLDEST.join('.')} or later, this is ${process.version}\n`);
    process.exit(unknown === null ? 2 : unknown);
  }
  // HUP would end a daemon that is still loading. It asks for the files to be read, and they are read after this.
  if (DAEMONS.includes(name)) process.on('SIGHUP', () => undefined);
  Promise.all([import('../cli/main.ts'), load()])
    .then(([{ main }, program]) => main(program))
    .catch((error) => {
      const [why] = String(error).split('\n');
      process.stderr.write(`${name}: cannot be started, install it again: ${why}\n`);
      process.exit(unknown === null ? 1 : unknown);
    });
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
