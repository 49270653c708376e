/**
 * What all daemons share: read the configuration, hold the state directory, connect, run until TERM or INT,
 * read the configuration again on HUP. Only a configuration error ends a daemon by itself.
 */
import { setMaxListeners } from 'node:events';
import type { RedisConfig, StateConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { createRedisHub } from '../hub/redis-hub.ts';
import type { Clock, Hub, Memory } from '../ports.ts';
import { createClock } from '../system/clock.ts';
import { lockStateDir } from '../system/lock.ts';
import { createLog, type ProgramLog } from '../system/log.ts';
import { whyNoLog } from '../system/log-files.ts';
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

export interface Runtime<C extends CommonConfig = CommonConfig> {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: ProgramLog;
  readonly memory: Memory;
  /** Aborts when the daemon stops (reason `stop`) or its configuration is replaced (reason `reload`). */
  readonly signal: AbortSignal;
  /** The configuration that replaces this one; null until there is one, and for ever when the daemon stops. */
  readonly successor: () => C | null;
  /** Says once that the first full pass has succeeded. */
  readonly ready: () => void;
}

export interface DaemonProgram<C extends CommonConfig> {
  readonly name: string;
  /** Rejects with ConfigError naming every mistake. */
  load(invocation: Invocation): Promise<C>;
  /** Its log files beside `logFile`. */
  logFiles?(config: C): readonly (string | null)[];
  /** Runs until the runtime's signal aborts, then lets go of what it holds. Never rejects. */
  run(config: C, runtime: Runtime<C>, invocation: Invocation): Promise<void>;
}

/** A daemon that has not ended by itself this long after TERM is ended, whatever it waits for. */
const STOP_MS = 2500;

/** Runs a daemon until it is told to stop; resolves with the exit code. Rejects with ConfigError at the start. */
export async function runDaemon<C extends CommonConfig>(
  program: DaemonProgram<C>,
  invocation: Invocation,
): Promise<number> {
  const orders = listen();
  let isReady = false;
  let config = await program.load(invocation);
  const { dir } = config.state;
  const lock = await lockStateDir({ dir, program: program.name });
  const memory = await createMemory({ dir, program: program.name });
  let life = live({ program, invocation, config, memory, announce });
  for (let order = await orders.next(); order === 'reload'; order = await orders.next()) await reload();
  life.log.info({ event: 'stopping' }, 'stopping; no server is opened or closed by that');
  await life.end(null);
  await lock.release();
  await life.log.drained();
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
      // What could fail later is refused now: the old life ends only when nothing can.
      refuseWhatCannotChange(program, config, next);
      await life.end(next);
      config = next;
      life = live({ program, invocation, config, memory, announce });
      life.log.info({ event: 'reloaded', file: config.file }, 'configuration read again');
    } catch (error) {
      const mistakes = error instanceof ConfigError ? error.mistakes : [String(error)];
      life.log.error(
        { event: 'reload-refused', mistakes },
        'the new configuration is not used, the old one stays',
      );
    }
  }
}

/** Throws ConfigError when `next` is sound and yet nothing that a running daemon can change to. */
function refuseWhatCannotChange<C extends CommonConfig>(program: DaemonProgram<C>, now: C, next: C): void {
  const mistakes: string[] = [];
  if (next.state.dir !== now.state.dir) {
    mistakes.push(
      `[state] dir changes from ${now.state.dir} to ${next.state.dir}: stop the daemon, move what is in the one to the other, and start it`,
    );
  }
  if (next.state.id !== now.state.id) {
    mistakes.push(
      `[state] id changes from ${now.state.id} to ${next.state.id}: stop the daemon first, so that the old id says goodbye, and start it`,
    );
  }
  const present = logFilesOf(program, now);
  for (const file of logFilesOf(program, next).filter((one) => !present.includes(one))) {
    const why = whyNoLog(file);
    if (why !== null)
      mistakes.push(`nothing can be logged to ${file}: ${why}; mend that or name another file`);
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes.map((mistake) => `${next.file}: ${mistake}`));
}

function logFilesOf<C extends CommonConfig>(program: DaemonProgram<C>, config: C): readonly string[] {
  const all = [config.logFile, ...(program.logFiles?.(config) ?? [])];
  return [...new Set(all)].filter((file) => file !== null);
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

interface Life<C extends CommonConfig> {
  readonly log: ProgramLog;
  /** null: the daemon stops. */
  end(successor: C | null): Promise<void>;
}

interface LifeOptions<C extends CommonConfig> {
  readonly program: DaemonProgram<C>;
  readonly invocation: Invocation;
  readonly config: C;
  readonly memory: Memory;
  readonly announce: (log: ProgramLog) => void;
}

/** The daemon with one configuration. Nothing in it can fail. */
function live<C extends CommonConfig>(options: LifeOptions<C>): Life<C> {
  const { program, invocation, config, memory, announce } = options;
  const log = createLog({
    program: program.name,
    file: config.logFile,
    level: invocation.debug ? 'debug' : 'info',
  });
  for (const warning of config.warnings) log.warn({ warning }, 'configuration warning');
  const hub = createRedisHub({ ...config.redis, log });
  const abort = new AbortController();
  // It ends loops and connections of many clusters: that is no leak to be warned of.
  setMaxListeners(0, abort.signal);
  let successor: C | null = null;
  log.info({ event: 'starting', file: config.file, id: config.state.id }, 'starting');
  const runtime: Runtime<C> = {
    hub,
    clock: createClock(),
    log,
    memory,
    signal: abort.signal,
    successor: () => successor,
    ready: () => announce(log),
  };
  const done = program.run(config, runtime, invocation);
  return {
    log,
    end: async (next) => {
      successor = next;
      abort.abort(next === null ? 'stop' : 'reload');
      await done;
      await hub.close();
      log.close();
    },
  };
}
