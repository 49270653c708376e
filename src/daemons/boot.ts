/**
 * What all daemons share: read the configuration, hold the state directory, connect, run until TERM or INT,
 * read the configuration again on HUP. Only a configuration error ends a daemon by itself.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { RedisConfig, StateConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { createRedisHub } from '../hub/redis-hub.ts';
import type { Clock, Hub, Memory } from '../ports.ts';
import { createClock } from '../system/clock.ts';
import { lockStateDir } from '../system/lock.ts';
import { createLog, type ProgramLog } from '../system/log.ts';
import { createMemory } from '../system/memory.ts';

/** How a daemon was called. */
export interface Invocation {
  readonly conf: string;
  readonly tags: readonly string[];
  readonly redis: string | null;
  readonly debug: boolean;
}

/** What every daemon's configuration has. */
export interface CommonConfig {
  readonly file: string;
  readonly redis: RedisConfig;
  readonly state: StateConfig;
  readonly logFile: string | null;
  readonly warnings: readonly string[];
}

export interface Runtime {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: ProgramLog;
  readonly memory: Memory;
  /** Aborts when the daemon stops (reason `stop`) or its configuration is replaced (reason `reload`). */
  readonly signal: AbortSignal;
  /** Says once that the first full pass has succeeded. */
  readonly ready: () => void;
}

export interface DaemonProgram<C extends CommonConfig> {
  readonly name: string;
  /** Rejects with ConfigError naming every mistake. */
  load(invocation: Invocation): Promise<C>;
  /** Runs until the runtime's signal aborts, then lets go of what it holds. Never rejects. */
  run(config: C, runtime: Runtime, invocation: Invocation): Promise<void>;
}

/** A daemon that has not ended by itself this long after TERM is ended, whatever it waits for. */
const STOP_MS = 2500;
const AGAIN_MS = 1000;

/** Runs a daemon until it is told to stop; resolves with the exit code. Rejects with ConfigError at the start. */
export async function runDaemon<C extends CommonConfig>(
  program: DaemonProgram<C>,
  invocation: Invocation,
): Promise<number> {
  const orders = listen();
  let isReady = false;
  let config = await program.load(invocation);
  let life = await live(program, invocation, config, announce);
  for (let order = await orders.next(); order === 'reload'; order = await orders.next()) await reload();
  life.log.info({ event: 'stopping' }, 'stopping; no server is opened or closed by that');
  await life.end('stop');
  return 0;

  function announce(log: ProgramLog): void {
    if (isReady) return;
    isReady = true;
    log.info({ event: 'ready' }, 'ready');
  }

  async function reload(): Promise<void> {
    life.log.reopen();
    try {
      const next = await program.load(invocation);
      // What can be tried before the old life ends is tried before.
      await createMemory({ dir: next.state.dir, program: program.name });
      await life.end('reload');
      life = await live(program, invocation, next, announce).catch(async (error: unknown) => {
        life = await revive();
        throw error;
      });
      config = next;
      life.log.info({ event: 'reloaded', file: config.file }, 'configuration read again');
    } catch (error) {
      const mistakes = error instanceof ConfigError ? error.mistakes : [String(error)];
      life.log.error(
        { event: 'reload-refused', mistakes },
        'the new configuration is not used, the old one stays',
      );
    }
  }

  /** With what worked before; a disk that has just filled up may need more than one attempt. */
  async function revive(): Promise<Life> {
    for (;;) {
      try {
        return await live(program, invocation, config, announce);
      } catch {
        await pause(AGAIN_MS);
      }
    }
  }
}

type Order = 'reload' | 'stop';

/** Signals as orders, heard from the first moment on; stop goes before everything else. */
function listen(): { next(): Promise<Order> } {
  const waiting: Order[] = [];
  let wake: () => void = () => undefined;
  const hear = (order: Order): void => {
    if (order === 'stop') setTimeout(() => process.exit(0), STOP_MS).unref();
    if (order === 'stop') waiting.unshift(order);
    else if (!waiting.includes(order)) waiting.push(order);
    wake();
  };
  process.on('SIGTERM', () => hear('stop'));
  process.on('SIGINT', () => hear('stop'));
  process.on('SIGHUP', () => hear('reload'));
  return {
    async next() {
      for (;;) {
        const order = waiting.shift();
        if (order !== undefined) return order;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

interface Life {
  readonly log: ProgramLog;
  /** `why` is the abort reason that the program sees. */
  end(why: Order): Promise<void>;
}

async function live<C extends CommonConfig>(
  program: DaemonProgram<C>,
  invocation: Invocation,
  config: C,
  announce: (log: ProgramLog) => void,
): Promise<Life> {
  const lock = await lockStateDir({ dir: config.state.dir, program: program.name });
  const memory = await createMemory({ dir: config.state.dir, program: program.name });
  const log = createLog({
    program: program.name,
    file: config.logFile,
    level: invocation.debug ? 'debug' : 'info',
  });
  for (const warning of config.warnings) log.warn({ warning }, 'configuration warning');
  const { host, port, username, password, db } = config.redis;
  const hub = createRedisHub({ host, port, username, password, db, log });
  const abort = new AbortController();
  log.info({ event: 'starting', file: config.file, id: config.state.id }, 'starting');
  const runtime: Runtime = {
    hub,
    clock: createClock(),
    log,
    memory,
    signal: abort.signal,
    ready: () => announce(log),
  };
  const done = program.run(config, runtime, invocation);
  return {
    log,
    end: async (why) => {
      abort.abort(why);
      await done;
      await hub.close();
      await lock.release();
      log.close();
    },
  };
}
