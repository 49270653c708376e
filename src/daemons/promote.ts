/**
 * The way from standby to writer on one server: take in what the old writer left, stop listening to it,
 * ask the last questions, open by a statement that the server refuses when it comes late.
 */
import { mastersOtherThan } from '../core/members.ts';
import type { Link, Look, Topology } from '../core/model.ts';
import { readiness, tooMuchLost } from '../core/promotion.ts';
import { linkFrom } from '../core/situation.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Memory, Server, ServerFactory } from '../ports.ts';

/** What a promotion needs besides the server itself. */
export interface Promotion {
  /** The stored topology, read again. */
  readonly currentTopology: (uniqsign: string) => Promise<Topology | null>;
  /** The other members, for the last look at them. */
  readonly others: ServerFactory;
  readonly peers: () => ReadonlyMap<string, Look>;
}

/** Bytes of a dead writer that are still in the socket are received within this time. */
const LAST_BYTES_MS = 50;
const LAST_LOOK_MS = 150;
const POLL_MS = 3;
const LOOK_MS = 1000;

/** The last look before the server was opened, or why it stays closed. */
export type Promoted = { readonly opened: Look } | { readonly refusal: string };

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
  const { server, clock, memory, topology: t } = options;
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
  let refusal = 'the statement that opens came too late, the server refused it';
  const opened = await server.open(async () => {
    const [outdated, other] = await Promise.all([isOutdated(), writableOther()]);
    const why = outdated ?? other;
    refusal = why ?? refusal;
    // Before the statement is sent: whoever comes after a crash must not send it again.
    if (why === null) await memory.spend(t.uniqsign, server.address, t.generation);
    return why === null;
  });
  return opened ? { opened: caughtUp } : { refusal };

  function linkOf(look: Look): Link | undefined {
    return t.from === null ? undefined : linkFrom(look, t.from, options.peers().get(t.from));
  }

  /** Waits for the end of the dead writer's stream, so that nothing already received is thrown away. */
  async function untilQuiet(): Promise<void> {
    const untilMs = clock.now() + LAST_BYTES_MS;
    while (clock.now() < untilMs && linkOf(await server.look(LOOK_MS))?.io === 'yes')
      await clock.sleep(POLL_MS);
  }

  async function catchUp(): Promise<Look | string> {
    const withinMs = isCrash ? t.policy.catchupMs : Math.round(t.policy.writePauseMs / 2);
    const untilMs = clock.now() + withinMs;
    // In a crash the link was just stopped: what it had received by then is known only now.
    let look = isCrash ? await server.look(LOOK_MS) : options.look;
    for (;;) {
      const ready = readiness(t, look, linkOf(look));
      if (ready === 'ready') return look;
      if (ready !== 'waiting') return ready.never;
      if (clock.now() >= untilMs) return `it has not caught up with ${t.from} within ${withinMs} ms`;
      await clock.sleep(POLL_MS);
      look = await server.look(LOOK_MS);
    }
  }

  /** The world may have moved on while we were catching up, or frozen. */
  async function isOutdated(): Promise<string | null> {
    const now = await options.currentTopology(t.uniqsign);
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
