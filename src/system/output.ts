import { write, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Standard output for lines, in their order: whoever reads it must not hold the program up, nor end it. */
export interface Output {
  /** One or more whole lines. Never throws and never waits; what is too much for a slow reader is dropped. */
  write(lines: string): void;
  /** Resolves when everything is taken, or after `LAST_MS`. */
  drained(): Promise<void>;
}

const MOST_BYTES = 8 * 1024 * 1024;
/** Until a reader that was behind is tried again. */
const RETRY_MS = 100;
/** What a reader that is behind gets at the end of the program. */
const LAST_MS = 300;

/**
 * `fd` must not block when it is a pipe or a socket: asking for `process.stdout` makes it so. What is left when the
 * process exits is written then, within `LAST_MS`.
 */
export function createOutput(fd: number): Output {
  const waiting: Buffer[] = [];
  let bytes = 0;
  /** The thread pool has the first one. */
  let isWriting = false;
  let isResting = false;

  function next(): void {
    if (isWriting || isResting) return;
    const chunk = waiting.shift();
    if (chunk === undefined) return;
    isWriting = true;
    write(fd, chunk, (error, written) => {
      isWriting = false;
      keepRest(chunk, error === null ? written : 0);
      if (error !== null) rest();
      else next();
    });
  }

  function keepRest(chunk: Buffer, written: number): void {
    bytes -= written;
    if (written < chunk.length) waiting.unshift(chunk.subarray(written));
  }

  /** Behind, gone, or a full disk: all may pass. */
  function rest(): void {
    isResting = true;
    void setTimeout(RETRY_MS, undefined, { ref: false }).then(() => {
      isResting = false;
      next();
    });
  }

  process.once('exit', () => writeLast(fd, Buffer.concat(waiting)));
  return {
    write(lines) {
      const more = Buffer.from(lines);
      if (bytes + more.length > MOST_BYTES) return;
      bytes += more.length;
      waiting.push(more);
      next();
    },
    async drained() {
      const until = performance.now() + LAST_MS;
      while (bytes > 0 && performance.now() < until) await setTimeout(10);
    },
  };
}

/** The thread pool ends what it has begun by itself. */
function writeLast(fd: number, last: Buffer): void {
  const until = performance.now() + LAST_MS;
  let done = 0;
  while (done < last.length) {
    try {
      done += writeSync(fd, last, done);
    } catch (error) {
      const isBehind = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
      if (!isBehind || performance.now() >= until) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
