import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoWords } from '../core/errno.ts';
import { makeFolder } from './folder.ts';

/** Where the lines of a log go. */
export interface LogFile {
  /** One or more whole lines. Never throws and never waits for a reader. */
  write(lines: string): void;
}

/** The files a program logs to, each opened once. What a file does not take goes to `instead`. */
export interface LogFiles {
  open(file: string): LogFile;
  /** Opens every file anew: it may have been moved away, or be usable by now. */
  reopen(): void;
  /** Lets go of every file; lines that come later go to `instead`. */
  close(): void;
}

export interface LogFilesOptions {
  readonly instead: LogFile;
  readonly complain: (fields: object, message: string) => void;
}

interface Opened extends LogFile {
  reopen(): void;
  close(): void;
}

/** Without `O_NONBLOCK` a pipe that nobody reads would stop the whole program. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export function createLogFiles(options: LogFilesOptions): LogFiles {
  const opened = new Map<string, Opened>();
  return {
    open(file) {
      const one = opened.get(file) ?? openFile(file, options);
      opened.set(file, one);
      return one;
    },
    reopen() {
      for (const one of opened.values()) one.reopen();
    },
    close() {
      for (const one of opened.values()) one.close();
    },
  };
}

/** Why nothing can be logged to `file`; null when it can. Makes its folder. */
export function whyNoLog(file: string): string | null {
  try {
    closeSync(openForLines(file));
    return null;
  } catch (error) {
    return errnoWords(error);
  }
}

function openFile(file: string, { instead, complain }: LogFilesOptions): Opened {
  let fd: number | null = null;
  let isTroubled = false;
  const trouble = (message: string, error: unknown): void => {
    if (!isTroubled) complain({ file, reason: errnoWords(error) }, message);
    isTroubled = true;
  };
  const close = (): void => {
    const old = fd;
    fd = null;
    if (old !== null) closeQuietly(old);
  };
  const reopen = (): void => {
    isTroubled = false;
    try {
      const fresh = openForLines(file);
      close();
      fd = fresh;
    } catch (error) {
      trouble(fd === null ? NOT_OPENED : NOT_REOPENED, error);
    }
  };
  reopen();
  return {
    // Synchronous, so that the last lines of a dying process are kept.
    write(lines) {
      if (fd === null) return instead.write(lines);
      const bytes = Buffer.from(lines);
      let done = 0;
      try {
        while (done < bytes.length) done += writeSync(fd, bytes, done);
      } catch (error) {
        trouble(NOT_WRITTEN, error);
        instead.write(lines);
      }
    },
    reopen,
    close,
  };
}

const NEXT = 'mend that or name another file in the configuration, then send HUP';
const NOT_OPENED = `log file cannot be opened, its lines go to standard output: ${NEXT}`;
const NOT_REOPENED = `log file cannot be opened anew, the one opened before is still written: ${NEXT}`;
const NOT_WRITTEN =
  'log file cannot be written, lines that it does not take go to standard output: make room';

/** A file on a network may report only now that lines were lost; nobody can do anything about it any more. */
function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {}
}

function openForLines(file: string): number {
  makeFolder(dirname(file));
  return openSync(file, APPEND, 0o640);
}
