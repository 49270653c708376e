/**
 * The process of the server on this machine: recorded while it serves, so that its death can be told from deafness,
 * and with how it starts, so that its death proves it closed.
 */
import { MmmError } from '../errors.ts';
import type { Clock, LocalServer, Log, ServerProcess } from '../ports.ts';

export interface LocalProcess {
  /** The process that served when last looked; null: not known. */
  recorded(): ServerProcess | null;
  /** Whether it starts read-only; null: not known. */
  startsClosed(): boolean | null;
  /** Sees who serves now, when that was not done for a while; never waits, never throws. */
  refresh(): void;
  /** Sees who serves now. True: the very process recorded before; false: another one, or it cannot be told. */
  isSame(): Promise<boolean>;
  /** Another process than the one recorded was seen to serve; asking forgets it. */
  wasReplaced(): boolean;
  /** The recorded process is no more. Looks again for a moment: connections end a little before it. */
  hasDied(): Promise<boolean>;
  /** It is no more: the next one is another. How it would have started stays known. */
  forget(): void;
}

const REFRESH_MS = 5000;
const UNKNOWN_MS = 500;
const DYING_MS = 40;
const LOOK_AGAIN_MS = 2;

export function createLocalProcess(options: {
  readonly address: string;
  readonly host: LocalServer;
  readonly clock: Clock;
  readonly log: Log;
  /** What the configuration says; null: it is found out. */
  readonly startsClosed: boolean | null;
}): LocalProcess {
  const { address, host, clock, log } = options;
  let recorded: ServerProcess | null = null;
  let startsClosed = options.startsClosed;
  let isReplaced = false;
  let isLearning = false;
  let readMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<ServerProcess | null> | null = null;
  let trouble = '';

  function read(): Promise<ServerProcess | null> {
    reading ??= readNow().finally(() => {
      reading = null;
    });
    return reading;
  }

  async function readNow(): Promise<ServerProcess | null> {
    readMs = clock.now();
    const found = await host.find().catch(reported);
    if (found === null) {
      say(
        'its process cannot be seen: name its pid_file, and run mmm-agent on its machine (and not in a container of its own)',
      );
      return null;
    }
    if (recorded !== null && !isSameProcess(found, recorded)) isReplaced = true;
    if (recorded === null || !isSameProcess(found, recorded)) startsClosed = options.startsClosed;
    recorded = found;
    learn(found);
    return found;
  }

  /** Asks how it starts, which may take seconds: nobody waits for that. */
  function learn(one: ServerProcess): void {
    if (options.startsClosed !== null) judge(options.startsClosed);
    if (options.startsClosed !== null || isLearning) return;
    isLearning = true;
    const learned = async (): Promise<void> => {
      const closed = await host.startsClosed(one).catch(reported);
      if (recorded === null || !isSameProcess(recorded, one)) return;
      startsClosed = closed;
      judge(closed);
    };
    learned()
      .catch(unexpected)
      .finally(() => {
        isLearning = false;
      });
  }

  function judge(closed: boolean | null): void {
    const why =
      'it is not known to start read-only: put read_only=1 into its option file, or its death proves nothing';
    say(closed === true ? '' : why);
  }

  function unexpected(err: unknown): void {
    log.error({ member: address, err }, 'cannot see the process of the server');
  }

  function reported(error: unknown): null {
    if (!(error instanceof MmmError)) throw error;
    log.debug({ member: address, reason: error.message }, 'cannot see the process of the server');
    return null;
  }

  function say(why: string): void {
    if (why !== '' && why !== trouble)
      log.warn({ member: address, reason: why }, 'a crash of this server cannot be proven at once');
    trouble = why;
  }

  return {
    recorded: () => recorded,
    startsClosed: () => startsClosed,
    refresh() {
      const everyMs = recorded === null ? UNKNOWN_MS : REFRESH_MS;
      if (clock.now() - readMs < everyMs) return;
      read().catch(unexpected);
    },
    async isSame() {
      const before = recorded;
      await reading;
      const now = await read();
      // One that cannot be told from its successor any more would be taken for dead while that lives.
      if (now === null) recorded = null;
      return before !== null && now !== null && isSameProcess(now, before);
    },
    wasReplaced() {
      const was = isReplaced;
      isReplaced = false;
      return was;
    },
    async hasDied() {
      const one = recorded;
      if (one === null) return false;
      const untilMs = clock.now() + DYING_MS;
      for (;;) {
        if ((await host.isGone(one).catch(reported)) === true) return true;
        if (clock.now() >= untilMs) return false;
        await clock.sleep(LOOK_AGAIN_MS);
      }
    },
    forget: () => {
      recorded = null;
    },
  };
}

function isSameProcess(one: ServerProcess, other: ServerProcess): boolean {
  return one.pid === other.pid && one.startedAt === other.startedAt;
}
