/**
 * Closes the server of this machine by a deadline: the ladder, and where that does not prove it closed in time,
 * SIGKILL for its process.
 */
import { MmmError, ServerError } from '../errors.ts';
import type { Clock, LocalServer, Log, Server, ServerProcess } from '../ports.ts';

export type Fenced = 'closed' | 'gone' | 'failed';

const AGAIN_MS = 20;
const KILL_MS = 1000;
const DYING_MS = 2;

export async function fence(options: {
  readonly server: Server;
  readonly host: LocalServer;
  /** The process that serves; null: not known, it cannot be killed. */
  readonly process: ServerProcess | null;
  readonly clock: Clock;
  readonly log: Log;
  /** When SIGKILL is due. */
  readonly killAtMs: number;
}): Promise<Fenced> {
  const { server, host, process, clock, log, killAtMs } = options;
  const stop = new AbortController();
  const outcome = await Promise.race([ladder(), clock.sleep(killAtMs - clock.now(), stop.signal)]);
  stop.abort();
  return outcome ?? kill();

  async function ladder(): Promise<Fenced | null> {
    while (!stop.signal.aborted) {
      const withinMs = killAtMs - clock.now();
      if (withinMs <= 0) return null;
      if (await closes(withinMs)) return 'closed';
      if (process !== null && (await isGone(process))) return 'gone';
      await clock.sleep(AGAIN_MS, stop.signal);
    }
    return null;
  }

  async function closes(withinMs: number): Promise<boolean> {
    try {
      const { closed, detail } = await server.close({ gentle: false, withinMs });
      if (!closed)
        log.warn({ member: server.address, reason: detail }, 'the ladder has not closed the server');
      return closed;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return false;
    }
  }

  async function isGone(one: ServerProcess): Promise<boolean> {
    try {
      return await host.isGone(one);
    } catch (error) {
      if (!(error instanceof MmmError)) throw error;
      return false;
    }
  }

  async function kill(): Promise<Fenced> {
    const fields = { member: server.address, pid: process?.pid };
    if (process === null) {
      log.error(fields, 'the server is not closed in time and its process is not known: close it by hand');
      return 'failed';
    }
    log.error(fields, 'the server is not closed in time: killing its process');
    try {
      await host.kill(process, KILL_MS);
      // Its threads may still be ending, and keep its sockets.
      for (const untilMs = clock.now() + KILL_MS; clock.now() < untilMs; await clock.sleep(DYING_MS))
        if (await host.isGone(process)) return 'gone';
      log.error(fields, 'the process of the server is gone, and another one may serve in its place');
      return 'failed';
    } catch (error) {
      if (!(error instanceof MmmError)) throw error;
      log.error({ ...fields, reason: error.message }, 'the process of the server cannot be killed');
      return 'failed';
    }
  }
}
