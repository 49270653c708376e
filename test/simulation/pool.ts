/** Worker processes that play seeds, as many as there are processors. */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Order, Played } from './play.ts';

/** A planted bug: one line of the compiled product replaced by another. */
export interface Edit {
  readonly file: string;
  readonly line: string;
  readonly instead: string;
}

/** Plays every order, in any order, until `onPlayed` says that it is enough. Rejects when a worker fails. */
export async function playAll(
  orders: Iterable<Order>,
  options: { readonly edits?: readonly Edit[]; readonly onPlayed: (played: Played) => 'go on' | 'enough' },
): Promise<void> {
  const queue = orders[Symbol.iterator]();
  const workers = Array.from({ length: availableParallelism() }, () => startWorker(options.edits ?? []));
  let isEnough = false;
  const work = (worker: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = (): void => {
        const next = isEnough ? { done: true as const } : queue.next();
        if (next.done) resolve();
        else worker.send(next.value);
      };
      worker.on('message', (played: Played) => {
        if (options.onPlayed(played) === 'enough') isEnough = true;
        give();
      });
      worker.on('exit', (code) => reject(new Error(`a worker ended with ${code}`)));
      give();
    });
  try {
    await Promise.all(workers.map(work));
  } finally {
    for (const worker of workers) {
      worker.removeAllListeners('exit');
      worker.kill('SIGKILL');
    }
  }
}

function startWorker(edits: readonly Edit[]): ChildProcess {
  const file = fileURLToPath(new URL('./start-worker.mjs', import.meta.url));
  return fork(file, [JSON.stringify(edits)], { execArgv: ['--enable-source-maps'] });
}
