import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import pino from 'pino';

/** The files a program logs to, each opened once. */
export interface LogFiles {
  /** null: it cannot be opened (said once). */
  open(file: string): pino.Logger | null;
  reopen(): void;
  /** Lets go of every file; nothing may be logged to them afterwards. */
  close(): void;
}

export interface LogFilesOptions {
  readonly start: (destination: pino.DestinationStream) => pino.Logger;
  readonly complain: (fields: object, message: string) => void;
}

type Destination = ReturnType<typeof pino.destination>;

interface Opened {
  readonly destination: Destination;
  readonly logger: pino.Logger;
}

export function createLogFiles({ start, complain }: LogFilesOptions): LogFiles {
  const opened = new Map<string, Opened | null>();
  const troubled = new Set<string>();
  const trouble = (file: string, err: unknown, message: string): void => {
    if (!troubled.has(file)) complain({ file, err }, message);
    troubled.add(file);
  };
  const add = (file: string): Opened | null => {
    const err = tryOpen(file);
    if (err !== null) {
      trouble(file, err, 'log file cannot be opened, its lines go to standard output');
      return null;
    }
    // Synchronous, so that the last lines of a dying process are kept; a file does not block as a pipe does.
    const destination = pino.destination({ dest: file, sync: true });
    destination.on('error', (error: unknown) =>
      trouble(file, error, 'log file cannot be written, lines are lost'),
    );
    return { destination, logger: start(destination) };
  };
  return {
    open(file) {
      const known = opened.get(file);
      const one = known === undefined ? add(file) : known;
      opened.set(file, one);
      return one?.logger ?? null;
    },
    reopen() {
      troubled.clear();
      for (const [file, one] of opened) {
        const err = tryOpen(file);
        if (err !== null) trouble(file, err, 'log file cannot be opened anew, the old one is still written');
        else one?.destination.reopen();
      }
    },
    close() {
      for (const one of opened.values()) one?.destination.end();
      opened.clear();
    },
  };
}

/** Makes the folder, and finds out whether the file can be written: null, or why not. */
function tryOpen(file: string): unknown {
  try {
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, 'a', 0o640));
    return null;
  } catch (error) {
    return error;
  }
}
