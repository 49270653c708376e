/**
 * The promotion lock on one server: taken as soon as the topology names it as the next writer, given back as soon as
 * it does not. While it is held the old writer gets no term from this server, and only its session can open it.
 */
import { lockName } from '../core/lease.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Log, Orders, PromotionLock, Server } from '../ports.ts';

export interface LockHolder {
  /** Takes, keeps or releases it as the orders want; never rejects. */
  follow(uniqsign: string, orders: Orders): Promise<void>;
  /** Resolves when the last `follow` is over. */
  settled(): Promise<void>;
  /** null: not held. */
  held(): PromotionLock | null;
  /** How long it has been held without a break, since the server gave it; 0: not held. */
  heldMs(): number;
  release(): void;
}

const TAKE_MS = 500;
/** The server lets go of it after 2 s of silence. */
const KEEP_MS = 400;

interface Hold {
  readonly generation: number;
  readonly lock: PromotionLock;
  readonly sinceMs: number;
  readonly over: AbortController;
}

export function createLockHolder(options: {
  readonly server: Server;
  readonly clock: Clock;
  readonly log: Log;
}): LockHolder {
  const { server, clock, log } = options;
  let hold: Hold | null = null;
  let isReleased = false;
  let following: Promise<void> = Promise.resolve();

  function follow(uniqsign: string, orders: Orders): Promise<void> {
    following = takeOrKeep(uniqsign, orders);
    return following;
  }

  async function takeOrKeep(uniqsign: string, orders: Orders): Promise<void> {
    const generation = generationToLock(orders, server.address);
    if (hold !== null && hold.generation !== generation) release();
    if (generation === null) return;
    isReleased = false;
    if (hold === null) await take(lockName(uniqsign), generation);
    else await keep(hold);
  }

  async function take(name: string, generation: number): Promise<void> {
    const fields = { member: server.address, generation };
    try {
      const lock = await server.lock(name, TAKE_MS);
      if (lock === null) return log.debug(fields, 'somebody else holds the promotion lock');
      if (isReleased) return lock.release();
      hold = { generation, lock, sinceMs: clock.now(), over: new AbortController() };
      log.info(fields, 'holds the promotion lock');
      void keepWarm(hold);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      log.debug({ ...fields, reason: error.message }, 'cannot take the promotion lock');
    }
  }

  /** A pass may wait for something else longer than the server waits for us. */
  async function keepWarm(mine: Hold): Promise<void> {
    for (;;) {
      await clock.sleep(KEEP_MS, mine.over.signal);
      if (hold !== mine) return;
      await keep(mine);
    }
  }

  async function keep(mine: Hold): Promise<void> {
    if ((await mine.lock.keep()) || hold !== mine) return;
    log.warn(
      { member: server.address, generation: mine.generation },
      'lost the promotion lock, taking it again',
    );
    letGo(mine);
  }

  function release(): void {
    isReleased = true;
    if (hold !== null) letGo(hold);
  }

  function letGo(mine: Hold): void {
    hold = null;
    mine.over.abort();
    mine.lock.release();
  }

  return {
    follow,
    settled: () => following,
    held: () => hold?.lock ?? null,
    heldMs: () => (hold === null ? 0 : Math.max(1, clock.now() - hold.sinceMs)),
    release,
  };
}

/** The generation whose next writer this is; null: no lock is wanted. Who can do without one has it before `closing`. */
function generationToLock({ topology: t, isCurrent }: Orders, address: string): number | null {
  if (t === null || !isCurrent || t.to !== address) return null;
  return t.phase === 'closing' || t.phase === 'opening' ? t.generation : null;
}
