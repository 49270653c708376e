/** How the right of a server to be open ends, and what follows from it. */
import { HubError } from '../errors.ts';
import type { LeaseParts } from './lease-state.ts';

export interface Endings {
  /** The server is closed: its generation never opens it again. */
  end(why: string): void;
  /** Its process is no more. */
  died(): Promise<void>;
  /** Gives the generation up in Redis too, where that is due; tried again by the next call when it fails. */
  release(): Promise<void>;
}

export function createEndings(parts: LeaseParts, onNews: () => void): Endings {
  const { id, address, hub, log, state, process, deadMan } = parts;

  function end(why: string): void {
    const { tenure } = state;
    state.stray = null;
    state.silentSinceMs = null;
    if (tenure === null) return;
    state.givenUp = Math.max(state.givenUp, tenure.generation);
    state.tenure = null;
    log.info({ generation: tenure.generation, reason: why }, 'the lease of this generation has ended');
    onNews();
  }

  async function died(): Promise<void> {
    const generation = state.tenure?.generation ?? null;
    state.isGone = true;
    state.isOpening = false;
    deadMan.forget();
    process.forget();
    end('the process of the server is gone');
    // What starts open may be open again the next moment: its death proves nothing.
    if (generation !== null && process.startsClosed() === true) state.release = generation;
    onNews();
    await release();
  }

  async function release(): Promise<void> {
    const { release: generation, uniqsign } = state;
    if (generation === null || uniqsign === null) return;
    try {
      const isReleased = await hub.releaseLease(uniqsign, { member: address, agent: id, generation });
      state.release = null;
      if (isReleased)
        log.warn({ generation }, 'gave up the lease: the process of the server is gone, and starts closed');
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
    }
  }

  return { end, died, release };
}
