import pino from 'pino';
import type { Log } from '../ports.ts';
import { createLogFiles } from './log-files.ts';
import { createOutput, type Output } from './output.ts';

export interface LogOptions {
  /** In every line. */
  readonly program: string;
  /** null: standard output. */
  readonly file: string | null;
  readonly level: 'debug' | 'info';
}

/** The log of a program: JSON lines. */
export interface ProgramLog extends Log {
  /** The log of one cluster, in its own file when it has one. Every line carries the tag as `cluster`. */
  forCluster(tag: string, file: string | null): Log;
  /** Opens every file anew, after somebody moved it away. */
  reopen(): void;
  /** Lets go of every file; standard output stays open. */
  close(): void;
  /** Resolves when standard output has taken every line, or soon after when nobody reads it. */
  drained(): Promise<void>;
}

const SECRETS = ['password', 'verifyPassword', 'secret'];
const REDACTED = SECRETS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`]);

/**
 * Opens the log. A file that cannot be opened or written is reported once and its lines go to standard output:
 * a missing folder must not keep a database without its manager.
 */
export function createLog({ program, file, level }: LogOptions): ProgramLog {
  const output = standardOutput();
  const stdout = start(program, level, output);
  const files = createLogFiles({
    instead: output,
    complain: (fields, message) => stdout.warn(fields, message),
  });
  const to = (path: string): pino.Logger => start(program, level, files.open(path));
  const main = file === null ? stdout : to(file);
  return {
    ...toLog(main),
    forCluster(tag, own) {
      const target = own === null ? main : to(own);
      return toLog(target.child({ cluster: tag }));
    },
    reopen: () => files.reopen(),
    close: () => files.close(),
    drained: () => output.drained(),
  };
}

let shared: Output | null = null;

/** One for the whole program, so that its lines keep their order over a change of the configuration. */
function standardOutput(): Output {
  shared ??= createOutput(process.stdout.fd);
  return shared;
}

function start(program: string, level: string, destination: pino.DestinationStream): pino.Logger {
  return pino(
    {
      level,
      base: { program, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[secret]' },
    },
    destination,
  );
}

function toLog(logger: pino.Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => toLog(logger.child(fields)),
  };
}
