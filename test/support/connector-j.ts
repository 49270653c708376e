/**
 * Clients that let MariaDB Connector/J choose the server, as Java applications without a proxy do. The driver is the
 * one of this machine, or Debian's package unpacked into the cache folder of this user; nothing is installed.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Operation } from './journal.ts';
import { patiently } from './patiently.ts';
import { startProcess } from './processes.ts';
import { projectFolder } from './project.ts';
import { privateApt } from './unpack.ts';
import { flowing, isRefusal, save, type Workload } from './workload.ts';

const run = promisify(execFile);

const INSTALLED = '/usr/share/java/mariadb-java-client.jar';
const PACKAGE = 'libmariadb-java';

/** Path of the driver; null, said loudly, when it or Java cannot be had on this machine. */
export async function connectorJ(): Promise<string | null> {
  try {
    await run('java', ['-version'], { timeout: 10_000 });
    return existsSync(INSTALLED) ? INSTALLED : await cached();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.warn(`\n*** Java or MariaDB Connector/J cannot be had here: its tests are SKIPPED ***\n${why}\n`);
    return null;
  }
}

async function cached(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mmm-manager');
  const jar = join(cache, 'mariadb-java-client.jar');
  if (existsSync(jar)) return jar;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    const { env } = await privateApt(join(draft, 'apt'));
    await patiently(() => run('apt-get', ['-q', 'update'], { env, timeout: 180_000 }));
    await patiently(() => run('apt-get', ['-q', 'download', PACKAGE], { env, cwd: draft, timeout: 60_000 }));
    const deb = (await readdir(draft)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error(`apt-get brought no package ${PACKAGE}`);
    await run('dpkg-deb', ['-x', join(draft, deb), join(draft, 'x')], { timeout: 60_000 });
    await copyFile(join(draft, 'x', INSTALLED), jar);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return jar;
}

const CLIENTS = 4;
const PAUSE_MS = 5;

/** Starts one Java program with four clients, each with a connection of its own, writing into `t.writes`. */
export function startDriverClients(options: {
  readonly jar: string;
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly logFile: string;
}): Workload {
  const { jar, url, user, password, logFile } = options;
  const program = join(projectFolder, 'test/support/DriverClient.java');
  const args = ['-cp', jar, program, url, user, password, String(CLIENTS), String(PAUSE_MS)];
  const child = startProcess('java', 'java', args, { logFile });
  const journal = () => operationsIn(child.log());
  const stop = async () => {
    await child.stop();
    return journal();
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => index + 1);
  return {
    get journal() {
      return journal();
    },
    flowing: (count = 5, withinMs = 20_000) => flowing(clients, journal, count, withinMs),
    stop,
    save: (file) => save(journal(), file),
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

function operationsIn(log: string): readonly Operation[] {
  // Both clocks are the kernel's monotonic one, with different zeros.
  const zeroMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  const lines = log.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.map((line) => {
    const told = JSON.parse(line) as Told;
    const failure = isRefusal(told.errno) ? 'fail' : 'unknown';
    return {
      client: told.client,
      n: told.n,
      work: 'set',
      invokedMs: told.invokedNs / 1e6 - zeroMs,
      doneMs: told.doneNs / 1e6 - zeroMs,
      outcome: told.ok ? 'ok' : failure,
      error: told.error,
    };
  });
}

/** A line of `DriverClient.java`. */
interface Told {
  readonly client: number;
  readonly n: number;
  readonly invokedNs: number;
  readonly doneNs: number;
  readonly ok: boolean;
  readonly errno: number;
  readonly error: string;
}
