/** The process of a server in memory, behind the same port as a real one. A restart is seen when it is looked for. */
import type { LocalServer, ServerProcess } from '../../src/ports.ts';
import type { FakeServer } from './fake-server.ts';

export interface FakeLocalServer extends LocalServer {
  /** Its process cannot be seen from now on. */
  hide(): void;
  readonly kills: number;
}

export function createFakeLocalServer(
  server: FakeServer,
  options: { readonly startsClosed?: boolean | null } = {},
): FakeLocalServer {
  const { startsClosed = true } = options;
  let pid = 100;
  let wasDown = false;
  let isHidden = false;
  let kills = 0;

  function current(): ServerProcess | null {
    if (server.state === 'down') {
      wasDown = true;
      return null;
    }
    if (wasDown) pid += 1;
    wasDown = false;
    return { pid, startedAt: String(pid) };
  }

  return {
    find: async () => (isHidden ? null : current()),
    isGone: async (process) => current() === null && process.pid === pid,
    kill: async (process) => {
      if (current()?.pid !== process.pid) return;
      kills += 1;
      server.crash();
    },
    startsClosed: async () => startsClosed,
    hide: () => {
      isHidden = true;
    },
    get kills() {
      return kills;
    },
  };
}
