/** A database server as one process reaches it: every question is a message that may be late or lost. */
import { ServerError } from '../../src/errors.ts';
import type { PromotionLock, Server } from '../../src/ports.ts';
import type { Engine } from './engine.ts';
import type { MachineRoom } from './machine-room.ts';
import type { Network } from './network.ts';
import type { Life } from './process.ts';
import type { Random } from './random.ts';

export interface Machines {
  readonly engine: Engine;
  readonly network: Network;
  readonly random: Random;
  readonly room: MachineRoom;
  /** By address: the host it runs on. */
  readonly hosts: ReadonlyMap<string, string>;
  /** Servers may be too busy to answer in time. */
  readonly isRough: () => boolean;
}

/** Bounds of statements that have none of their own, as `src/mysql` sets them. */
const STATEMENT_MS = 1000;
const KEEP_MS = 500;
/** A server may be busy for so long before it does what is asked. */
const BUSY = 0.01;
const BUSY_MS = 800;

export function connectServer(
  life: Life,
  machines: Machines,
  options: { readonly address: string; readonly blocks: boolean; readonly onLost?: (() => void) | undefined },
): Server {
  const { engine, network, random, room, hosts } = machines;
  const { address, onLost } = options;
  const host = hosts.get(address) ?? '?';
  const from = life.process.host;
  if (onLost !== undefined) room.onReset(address, () => life.deliver(onLost));
  const inner = room.world.adapter(address, {
    blocks: options.blocks,
    ...(onLost !== undefined && { onLost: () => later(host, from, () => life.deliver(onLost)) }),
  });
  life.onDeath(() => inner.end());

  function later(source: string, target: string, act: () => void): void {
    const delayMs = network.delayMs(source, target);
    if (delayMs === Number.POSITIVE_INFINITY || !network.isUp(source, target)) return;
    engine.at(delayMs, () => network.isUp(source, target) && act());
  }

  function ask<T>(what: string, timeoutMs: number, serve: () => Promise<T>): Promise<T> {
    return life.call({
      what: `${address} ${what}`,
      to: host,
      timeoutMs,
      late: () => new ServerError('silent', `${address}: no answer within ${Math.round(timeoutMs)} ms`),
      serve,
      whenReady: (go) => room.whenReady(address, () => whenIdle(go)),
    });
  }

  function whenIdle(go: () => void): void {
    if (machines.isRough() && random.chance(BUSY))
      engine.at(random.between(0, BUSY_MS), () => room.whenReady(address, go));
    else go();
  }

  async function lock(name: string, timeoutMs: number): Promise<PromotionLock | null> {
    let taken: PromotionLock | null = null;
    let isOurs = true;
    // A dead process' sockets are closed by its system; a cut way keeps that from the server.
    const close = (): void => {
      isOurs = false;
      later(from, host, () => taken?.release());
    };
    const serve = async (): Promise<PromotionLock | null> => {
      taken = await inner.lock(name, timeoutMs);
      if (!isOurs || !life.isAlive()) later(from, host, () => taken?.release());
      return taken;
    };
    life.onDeath(close);
    try {
      const held = await ask('lock', timeoutMs, serve);
      return held === null ? null : wrap(held, close);
    } catch (error) {
      close();
      throw error;
    }
  }

  function wrap(held: PromotionLock, close: () => void): PromotionLock {
    let isKept = true;
    return {
      async keep() {
        if (!isKept) return false;
        try {
          isKept = (await ask('keep', KEEP_MS, () => held.keep())) && isKept;
        } catch {
          isKept = false;
        }
        if (!isKept) close();
        return isKept;
      },
      open: (stillWanted) => {
        if (!isKept) return Promise.resolve(false);
        return openBy((ask) => held.open(ask), stillWanted);
      },
      release() {
        isKept = false;
        close();
      },
    };
  }

  /** Two statements with the last questions between them: the server's first answer and the second statement travel too. */
  function openBy(
    open: (ask: () => Promise<boolean>) => Promise<boolean>,
    stillWanted: () => Promise<boolean>,
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let answer: (isWanted: boolean) => void = () => undefined;
      let result: Promise<boolean> = Promise.resolve(false);
      const marked = ask('open', STATEMENT_MS, async () => {
        await new Promise<void>((mark) => {
          result = open(() => {
            mark();
            return new Promise((wanted) => {
              answer = wanted;
            });
          });
          // Refused before anything was asked.
          result.then(
            () => mark(),
            () => mark(),
          );
        });
      });
      marked
        .then(stillWanted)
        .then((isWanted) =>
          isWanted
            ? ask('open now', STATEMENT_MS, () => {
                answer(true);
                return result;
              })
            : ask('open not', STATEMENT_MS, () => {
                answer(false);
                return result;
              }).then(() => false),
        )
        .then(resolve, reject);
    });
  }

  return {
    address,
    look: (timeoutMs, known) => ask('look', timeoutMs, () => inner.look(timeoutMs, known)),
    close: (how) => ask('close', Math.max(how.withinMs, 50), () => inner.close(how)),
    glance: (name, timeoutMs) => ask('glance', timeoutMs, () => inner.glance(name, timeoutMs)),
    lock,
    arm(ms) {
      const sentMs = engine.now();
      // The statement before is ended only when this one was seen to run in time.
      return ask('arm', ARM_MS, async () => {
        if (engine.now() - sentMs <= ARM_MS) await inner.arm(ms);
      });
    },
    disarm: () => ask('disarm', STATEMENT_MS, () => inner.disarm()),
    tendAccounts: (how) =>
      ask('tend', how.withinMs, () => inner.tendAccounts(how)).catch((error: unknown) => ({
        changed: [],
        trouble: String(error),
        exceptions: '',
      })),
    stopReceiving: (source) => ask('stop receiving', STATEMENT_MS, () => inner.stopReceiving(source)),
    stopLink: (source) => ask('stop link', STATEMENT_MS, () => inner.stopLink(source)),
    startLink: (source) => ask('start link', STATEMENT_MS, () => inner.startLink(source)),
    end: () => inner.end(),
  };
}

/** As `src/mysql` bounds it. */
const ARM_MS = 400;
