import { statSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RouteError } from '../errors.ts';
import { whyNoAccess } from './refused-access.ts';

/** A haproxy runtime socket. */
export interface RuntimeSocket {
  readonly at: string;
  /**
   * Sends one line of commands and resolves with everything haproxy answers; null when nobody is behind
   * the socket. Rejects with RouteError when somebody is there but does not answer in time, or does not let
   * us in. Lines go out one after another, in the order of the calls; one whose answer haproxy breaks off goes
   * out again, so it must do no harm twice.
   */
  ask(line: string): Promise<string | null>;
}

const LARGEST = 16_000_000;
const AGAIN_MS = 5;

/** `at` is the path of a unix socket or `host:port`. */
export function createRuntimeSocket(at: string, timeoutMs: number): RuntimeSocket {
  let last: Promise<unknown> = Promise.resolve();
  return {
    at,
    ask(line) {
      const answer = last.then(() => exchange(at, line, timeoutMs));
      last = answer.catch(() => undefined);
      return answer;
    },
  };
}

/**
 * A haproxy that ends, or gives way to the next one, breaks off what it was being asked. Whether it is gone shows
 * a moment later: its socket then refuses, or leads to the next one.
 */
async function exchange(at: string, line: string, timeoutMs: number): Promise<string | null> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const answer = await exchangeOnce(at, line, timeoutMs, until);
    if (answer !== '') return answer;
    if (performance.now() + AGAIN_MS > until) {
      throw new RouteError(
        `haproxy at ${at} gave no answer within ${timeoutMs} ms: it breaks off every connection`,
      );
    }
    await sleep(AGAIN_MS);
  }
}

/** Empty text: haproxy broke off. */
function exchangeOnce(at: string, line: string, timeoutMs: number, until: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(at);
    let answer = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new RouteError(`haproxy at ${at} did not answer within ${timeoutMs} ms: is it frozen?`));
    }, until - performance.now());
    socket.setEncoding('utf8');
    socket.on('data', (part) => {
      answer += String(part);
      if (answer.length > LARGEST) socket.destroy(new Error('the answer is too long'));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isNobody = error.code === 'ENOENT' || (error.code === 'ECONNREFUSED' && !isOtherFile(at));
      if (isNobody) resolve(null);
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve('');
      else reject(new RouteError(`haproxy at ${at} cannot be asked: ${why(at, error)}`, { cause: error }));
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.end(`${line}\n`);
  });
}

function why(at: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES' && at.startsWith('/')) return whyNoAccess(at);
  if (error.code === 'ECONNREFUSED') return 'this is no socket; correct socket= or remove that file';
  return error.message;
}

/** A file that is no socket refuses as well, but says nothing about haproxy. */
function isOtherFile(at: string): boolean {
  return at.startsWith('/') && statSync(at, { throwIfNoEntry: false })?.isSocket() === false;
}

function connectTo(at: string): Socket {
  if (at.startsWith('/')) return createConnection({ path: at, allowHalfOpen: true });
  const colon = at.lastIndexOf(':');
  const host = at.slice(0, colon).replace(/^\[|\]$/g, '');
  return createConnection({ host, port: Number(at.slice(colon + 1)), allowHalfOpen: true });
}
