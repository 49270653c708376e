/**
 * The way from standby to writer on one server: take in what the old writer left, stop listening to it,
 * ask the last questions, open by a statement that the server refuses when it comes late or the lock is lost.
 */
import { leaseWaitMs } from '../core/held-lease.ts';
import { mastersOtherThan } from '../core/members.ts';
import type { Link, Look, Topology } from '../core/model.ts';
import { readiness, tooMuchLost } from '../core/promotion.ts';
import { linkFrom } from '../core/situation.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Memory, Orders, PromotionLock, Server, ServerFactory } from '../ports.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LockHolder } from './lock-holder.ts';

/** What a promotion needs besides the server itself. */
export interface Promotion {
  /** The stored topology, read again. */
  readonly currentOrders: (uniqsign: string) => Promise<Orders>;
  /** Of this server: only its session can open it. */
  readonly lock: Pick<LockHolder, 'held' | 'heldMs'>;
  /** Of this server; null: the agent is not on its machine. */
  readonly lease: Pick<LeaseKeeper, 'prepareOpening' | 'beforeOpening' | 'afterOpening'> | null;
  /** The other members, for the last look at them. */
  readonly others: ServerFactory;
  readonly peers: () => ReadonlyMap<string, Look>;
}

/** Bytes of a dead writer that are still in the socket are received within this time. */
const LAST_BYTES_MS = 50;
const LAST_LOOK_MS = 150;
const POLL_MS = 3;
/** A longer wait is prolonged by this much at most. */
const POLL_SHARE = 0.1;
const LOOK_MS = 1000;
/** For closing what may have been opened. */
const CLOSE_MS = 3000;

/** The last look before the server was opened; or why it stays closed: for this generation, or for now. */
export type Promoted =
  | { readonly opened: Look }
  | { readonly refusal: string }
  | { readonly waitsFor: string };

/** Opens the server, or says why not. */
export async function promote(
  options: Promotion & {
    readonly server: Server;
    readonly clock: Clock;
    readonly memory: Memory;
    readonly topology: Topology;
    readonly look: Look;
  },
): Promise<Promoted> {
  const { server, clock, memory, lease, topology: t } = options;
  const waitsFor = lockWait();
  if (waitsFor !== null) return { waitsFor };
  const kept = lease === null ? Promise.resolve() : memory.keep(t);
  kept.catch(() => undefined);
  const prepared = lease?.prepareOpening(t);
  prepared?.catch(() => undefined);
  const link = t.from === null || t.from === server.address ? undefined : linkOf(options.look);
  const isCrash = t.kind === 'failover';
  if (isCrash && link !== undefined) {
    await untilQuiet();
    await server.stopReceiving(link.from);
  }
  const caughtUp = await catchUp();
  if (typeof caughtUp === 'string') return { refusal: caughtUp };
  if (isCrash && link !== undefined) await server.stopLink(link.from);
  const lost = tooMuchLost(t, caughtUp);
  if (lost !== null) return { refusal: lost };
  const lock = options.lock.held();
  if (lock === null || lockWait() !== null) return { waitsFor: 'it has lost the promotion lock meanwhile' };
  await prepared;
  const refusal = await open(lock);
  return refusal === null ? { opened: caughtUp } : { refusal };

  /** The lease of an old writer of unknown fate ends while the lock keeps this server from prolonging it. */
  function lockWait(): string | null {
    if (options.lock.held() === null) return 'the promotion lock is not held yet';
    const leftMs = t.proof === 'c' ? leaseWaitMs(t) - options.lock.heldMs() : 0;
    return leftMs > 0 ? `the promotion lock must be held for another ${Math.ceil(leftMs)} ms` : null;
  }

  /** null: it is open. */
  async function open(held: PromotionLock): Promise<string | null> {
    let refusal =
      'the server refused the statement that opens: it came too late, or the promotion lock was lost';
    let question: Promise<string | null> = Promise.resolve(null);
    let isSent = false;
    let isOpen: boolean | null = null;
    try {
      isOpen = await held.open(async () => {
        question = whyNot();
        const why = await question;
        refusal = why ?? refusal;
        isSent = why === null;
        return isSent;
      });
      // It could not even be asked: that is for the caller to try again.
      await question;
      return isOpen ? null : refusal;
    } catch (error) {
      if (!(error instanceof ServerError) || !isSent) throw error;
      return `whether it was opened is not known (${error.message}), so it was ${await closeAgain()}`;
    } finally {
      // The server does not wait for a slow answer, and nothing may come after what it came to.
      await question.catch(() => undefined);
      const isKnown = isOpen !== null || !isSent;
      await lease?.afterOpening(isKnown ? (isOpen === true ? 'open' : 'closed') : 'unknown');
    }
  }

  async function whyNot(): Promise<string | null> {
    const [outdated, other] = await Promise.all([isOutdated(), writableOther()]);
    const why = outdated ?? other ?? (await lease?.beforeOpening(t)) ?? null;
    if (why !== null) return why;
    // Before the statement is sent: whoever comes after a crash must not send it again.
    await memory.spend(t.uniqsign, server.address, t.generation);
    await kept;
    return null;
  }

  async function closeAgain(): Promise<string> {
    try {
      const { closed, detail } = await server.close({ gentle: false, withinMs: CLOSE_MS });
      return closed ? 'closed again' : `to be closed again, and is not: ${detail}`;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return `to be closed again, and is not: ${error.message}`;
    }
  }

  function linkOf(look: Look): Link | undefined {
    return t.from === null ? undefined : linkFrom(look, t.from, options.peers().get(t.from));
  }

  /** Waits for the end of the dead writer's stream, so that nothing already received is thrown away. */
  async function untilQuiet(): Promise<void> {
    const untilMs = clock.now() + LAST_BYTES_MS;
    for (let look = options.look; clock.now() < untilMs && linkOf(look)?.io === 'yes'; ) {
      await clock.sleep(POLL_MS);
      look = await server.look(LOOK_MS);
    }
  }

  async function catchUp(): Promise<Look | string> {
    const withinMs = isCrash ? t.policy.catchupMs : Math.round(t.policy.writePauseMs / 2);
    const startedMs = clock.now();
    const untilMs = startedMs + withinMs;
    // In a crash the link was just stopped: what it had received by then is known only now.
    let look = isCrash ? await server.look(LOOK_MS) : options.look;
    for (;;) {
      const ready = readiness(t, look, linkOf(look));
      if (ready === 'ready') return look;
      if (ready !== 'waiting') return ready.never;
      // A person accepted the loss of what cannot be applied in time.
      if (clock.now() >= untilMs && t.vouched?.loss === true) return look;
      if (clock.now() >= untilMs) return `it has not caught up with ${t.from} within ${withinMs} ms`;
      // Looks take time from the server that is to catch up.
      await clock.sleep(Math.max(POLL_MS, (clock.now() - startedMs) * POLL_SHARE));
      look = await server.look(LOOK_MS);
    }
  }

  /** The world may have moved on while we were catching up, or frozen. */
  async function isOutdated(): Promise<string | null> {
    const { topology: now, isCurrent } = await options.currentOrders(t.uniqsign);
    if (!isCurrent) return 'the topology is not confirmed in the redis that answers';
    const isSame = now?.generation === t.generation && now.phase === 'opening' && now.to === server.address;
    return isSame ? null : 'the topology changed meanwhile';
  }

  /** The last look: nobody else may be writable. Who cannot be read was proven closed, or the risk was accepted. */
  async function writableOther(): Promise<string | null> {
    const answers = await Promise.all(mastersOtherThan(t, server.address).map(lastLook));
    return answers.find((answer) => answer !== null) ?? null;
  }

  async function lastLook(address: string): Promise<string | null> {
    try {
      const look = await options.others(address).look(LAST_LOOK_MS);
      return look.readOnly ? null : `${address} is writable`;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return null;
    }
  }
}
