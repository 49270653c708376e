import { createConnection } from 'node:net';
import { endpoint, isAddress } from '../core/address.ts';

/**
 * Whether anybody accepts connections at `at` (`host:port`, `:port` or `*:port`); null when that cannot be
 * told within `timeoutMs`.
 */
export function isListening(at: string, timeoutMs: number): Promise<boolean | null> {
  const address = at.replace(/^(?:\*|0\.0\.0\.0|\[::\])?:(?=\d+$)/, '127.0.0.1:');
  if (!isAddress(address)) return Promise.resolve(null);
  return new Promise((resolve) => {
    const socket = createConnection(endpoint(address));
    const finish = (answer: boolean | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), timeoutMs);
    socket.once('connect', () => finish(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? false : null),
    );
  });
}
