/**
 * What all daemons share: read the configuration, hold the state directory, connect, run until TERM or INT,
 * read the configuration again on HUP. Only a configuration error ends a daemon by itself.
 */
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
  /** Aborts when the daemon stops or its configuration is replaced. */
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

/** A daemon that does not end by itself within this time after TERM is ended. */
const STOP_MS = 2500;

/** Runs a daemon until it is told to stop; resolves with the exit code. Rejects with ConfigError at the start. */
export async function runDaemon<C extends CommonConfig>(
  program: DaemonProgram<C>,
  invocation: Invocation,
): Promise<number> {
  let isReady = false;
  let life = await live(program, invocation, await program.load(invocation), announce);
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  let reloading = Promise.resolve();
  process.on('SIGHUP', () => {
    reloading = reloading.then(reload);
  });
  await stopped;
  life.log.info({ event: 'stopping' }, 'stopping; no server is opened or closed by that');
  const timer = setTimeout(() => process.exit(0), STOP_MS);
  await reloading;
  await life.end();
  clearTimeout(timer);
  return 0;

  function announce(log: ProgramLog): void {
    if (isReady) return;
    isReady = true;
    log.info({ event: 'ready' }, 'ready');
  }

  async function reload(): Promise<void> {
    life.log.reopen();
    try {
      const config = await program.load(invocation);
      await life.end();
      life = await live(program, invocation, config, announce);
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

interface Life {
  readonly log: ProgramLog;
  end(): Promise<void>;
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
    end: async () => {
      abort.abort();
      await done;
      await hub.close();
      await lock.release();
    },
  };
}
