import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerOptions } from '../../src/mysql/server.ts';
import { eventually } from './eventually.ts';
import { type Process, startProcess } from './processes.ts';
import { LOCK } from './promotion-lock.ts';

const PROJECT = join(import.meta.dirname, '../..');

/** Starts processes that hold a promotion lock and arm a dead-man, to be killed or stopped by a test. */
export interface ArmedProcesses extends AsyncDisposable {
  /** Resolves when it holds the lock and the dead-man is armed for `ms`. */
  start(server: ServerOptions, ms: number): Promise<Process>;
}

/** Compiles `src/mysql` for them. The folder lies inside the project so that packages are found. */
export async function armedProcesses(): Promise<ArmedProcesses> {
  const cache = join(PROJECT, 'node_modules/.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'mysql-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const settings = {
    extends: join(PROJECT, 'tsconfig.json'),
    compilerOptions: { outDir: folder, rootDir: join(PROJECT, 'src'), noCheck: true, sourceMap: false },
    include: [join(PROJECT, 'src/mysql')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  await promisify(execFile)(join(PROJECT, 'node_modules/.bin/tsc'), ['-p', folder], { timeout: 30_000 });
  const started: Process[] = [];
  const start = async (server: ServerOptions, ms: number): Promise<Process> => {
    const script = `
      const { createServer } = await import(${JSON.stringify(join(folder, 'mysql/server.js'))});
      const server = createServer(JSON.parse(process.env.SERVER));
      const lock = await server.lock('${LOCK}', 1000);
      setInterval(() => lock.keep(), 100);
      await server.arm(${ms});
      console.log('armed');`;
    const child = startProcess('armed', process.execPath, ['--input-type=module', '-e', script], {
      logFile: join(folder, `log-${started.length}`),
      env: { SERVER: JSON.stringify(server) },
    });
    started.push(child);
    await eventually(
      'armed',
      () => child.log().includes('armed') || (!child.alive() && child.log()),
      (seen) => {
        if (typeof seen === 'string') throw new Error(seen);
        return seen;
      },
    );
    return child;
  };
  return {
    start,
    [Symbol.asyncDispose]: async () => {
      for (const child of started) await child.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
