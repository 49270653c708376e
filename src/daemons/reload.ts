import { RouteError } from '../errors.ts';
import type { Router } from '../haproxy/router.ts';
import type { Clock } from '../ports.ts';
import { type Output, type Run, wordsOf } from '../render/apply.ts';

export interface ReloadOptions {
  readonly output: Output;
  readonly reloadCmd: readonly string[] | null;
  readonly routers: readonly Router[];
  readonly run: Run;
  readonly clock: Clock;
  /** How long a reloaded router may take to answer with a new worker. */
  readonly proveMs: number;
}

const LOOK_EVERY_MS = 20;
/**
 * haproxy 2.6 loses a reload that comes while the one before has just ended, so it is asked once more. Until
 * then a worker may still come up, so nobody lets go of the reload earlier either.
 */
const AGAIN_MS = 1_000;

/**
 * Runs the reload command once. With `isLive` it then waits for a new worker behind every socket: haproxy
 * goes on with its old one when it cannot load the file, and the command says nothing of that. Resolves
 * `abandoned` when `wanted` turned false before one was there.
 */
export async function reloadOnce(
  options: ReloadOptions,
  isLive: boolean,
  wanted: () => boolean,
): Promise<'loaded' | 'abandoned'> {
  const { output, reloadCmd, routers, run } = options;
  const before = isLive ? await Promise.all(routers.map((router) => router.pid())) : [];
  const reload = () => run(wordsOf(reloadCmd ?? [], output));
  if (!wanted()) return 'abandoned';
  await reload();
  return isLive ? newWorkers(options, before, reload, wanted) : 'loaded';
}

async function newWorkers(
  { routers, clock, proveMs }: ReloadOptions,
  before: readonly (string | null)[],
  reload: () => Promise<unknown>,
  wanted: () => boolean,
): Promise<'loaded' | 'abandoned'> {
  const until = clock.now() + proveMs;
  let askedMs = clock.now();
  let isAgain = false;
  for (;;) {
    const now = await Promise.all(routers.map((router) => router.pid().catch(() => null)));
    if (now.every((pid, i) => before[i] === null || (pid !== null && pid !== before[i]))) return 'loaded';
    if (clock.now() > until) {
      throw new RouteError(
        `reload_cmd succeeded, but no new haproxy worker answers after ${proveMs} ms: see haproxy's own log`,
      );
    }
    const isLate = clock.now() > askedMs + AGAIN_MS;
    if (isLate && !wanted()) return 'abandoned';
    if (isLate && !isAgain) {
      isAgain = true;
      await reload();
      askedMs = clock.now();
    }
    await clock.sleep(LOOK_EVERY_MS);
  }
}
