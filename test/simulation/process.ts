/**
 * One daemon's process: it has a host, a clock of its own, and may be killed before or after any call to the
 * outside, or stand still for a while. What it had stored in its state directory outlives it.
 */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../src/ports.ts';
import type { Engine } from './engine.ts';
import type { Network } from './network.ts';

/** One run of a program. Nothing that belongs to an ended one ever happens. */
export interface Life {
  readonly process: Process;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  isAlive(): boolean;
  /** Runs `act` in this process: later when it stands still, never when it is dead. */
  deliver(act: () => void): void;
  /** Asks another machine, or another process of this one. */
  call<T>(call: Call<T>): Promise<T>;
  /** What the operating system does when this process ends. */
  onDeath(act: () => void): void;
}

export interface Call<T> {
  /** For the story and for hooks, such as `hub.read` or `A.look`. */
  readonly what: string;
  readonly to: string;
  readonly timeoutMs: number;
  /** The error of a caller who has waited for so long. */
  readonly late: () => Error;
  /** Runs where the question arrives, as soon as it can be served; a rejection is sent back. */
  readonly serve: () => Promise<T>;
  /** Calls back when the one who is asked can serve: at once, when it has thawed, or never. */
  readonly whenReady?: (serve: () => void) => void;
}

export interface Process {
  readonly name: string;
  readonly host: string;
  readonly life: Life | null;
  readonly calls: number;
  isFrozen(): boolean;
  start(): void;
  /** SIGKILL. */
  kill(): void;
  /** SIGTERM; whatever still runs after a while is killed. */
  stop(): void;
  freeze(ms: number): void;
  thaw(): void;
  /** When it last stood still or was dead. */
  troubledMs(): number;
}

export interface ProcessOptions {
  readonly name: string;
  readonly host: string;
  readonly engine: Engine;
  readonly network: Network;
  /** Its clock runs so much faster than the world's. */
  readonly rate: number;
  readonly offsetMs: number;
  readonly main: (life: Life) => Promise<void>;
  /** Before a question is sent, and after it was served: may kill or freeze the process. */
  readonly hook: (process: Process, what: string, when: 'before' | 'after') => void;
  /** What the program should never throw. */
  readonly onCrash: (error: unknown) => void;
}

interface Running extends Life {
  stop(): void;
  end(): void;
}

const STOP_MS = 2500;

export function createProcess(options: ProcessOptions): Process {
  const { name, host, engine, network, rate, offsetMs } = options;
  let life: Running | null = null;
  let frozenUntilMs = -1;
  let bornMs = 0;
  let calls = 0;
  let lives = 0;

  const clock = (isAlive: () => boolean, deliver: Life['deliver']): Clock => ({
    now: () => engine.now() * rate + offsetMs,
    epochMs: () => engine.now() * rate + offsetMs + 1_700_000_000_000,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (!isAlive()) return;
        if (signal?.aborted) return resolve();
        const wake = (): void => {
          cancel();
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const cancel = engine.at(ms / rate, () => deliver(wake));
        signal?.addEventListener('abort', wake);
      }),
  });

  function bear(): Running {
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    const number = lives;
    let ending: (() => void)[] = [];
    const isAlive = (): boolean => lives === number && life !== null;
    const deliver = (act: () => void): void => {
      if (!isAlive()) return;
      if (engine.now() < frozenUntilMs) engine.at(frozenUntilMs - engine.now(), () => deliver(act));
      else act();
    };
    const call = <T>(asked: Call<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        if (!isAlive()) return;
        calls += 1;
        options.hook(self, asked.what, 'before');
        let isDone = false;
        const done = (act: () => void): void => {
          deliver(() => {
            if (isDone) return;
            isDone = true;
            cancel();
            act();
          });
        };
        const cancel =
          asked.timeoutMs === Number.POSITIVE_INFINITY
            ? () => undefined
            : engine.at(asked.timeoutMs / rate, () => done(() => reject(asked.late())));
        const answer = (act: () => void): void => {
          options.hook(self, asked.what, 'after');
          send(asked.to, host, () => done(act));
        };
        const served = (): void => {
          asked.serve().then(
            (result) => answer(() => resolve(result)),
            (error: unknown) => answer(() => reject(error)),
          );
        };
        const arrived = (): void => (asked.whenReady === undefined ? served() : asked.whenReady(served));
        deliver(() => send(host, asked.to, arrived));
      });
    return {
      process: self,
      signal: abort.signal,
      clock: clock(isAlive, deliver),
      isAlive,
      deliver,
      call,
      onDeath: (act) => void ending.push(act),
      stop: () => abort.abort('stop'),
      end() {
        abort.abort('stop');
        for (const act of ending) act();
        ending = [];
      },
    };
  }

  function send(from: string, to: string, arrive: () => void): void {
    const delayMs = network.delayMs(from, to);
    if (delayMs === Number.POSITIVE_INFINITY || !network.isUp(from, to)) return;
    engine.at(delayMs, () => {
      if (network.isUp(from, to)) arrive();
    });
  }

  const self: Process = {
    name,
    host,
    get life() {
      return life;
    },
    get calls() {
      return calls;
    },
    isFrozen: () => engine.now() < frozenUntilMs,
    start() {
      if (life !== null) return;
      lives += 1;
      const born = bear();
      life = born;
      bornMs = lives === 1 ? 0 : engine.now();
      frozenUntilMs = -1;
      options.main(born).then(() => {
        if (life === born) self.kill();
      }, options.onCrash);
    },
    kill() {
      if (life === null) return;
      const ended = life;
      life = null;
      ended.end();
    },
    stop() {
      if (life === null) return;
      const ended = life;
      ended.deliver(ended.stop);
      engine.at(STOP_MS, () => {
        if (life === ended) self.kill();
      });
    },
    freeze(ms) {
      frozenUntilMs = Math.max(frozenUntilMs, engine.now() + ms);
    },
    thaw() {
      frozenUntilMs = Math.min(frozenUntilMs, engine.now());
    },
    troubledMs: () => Math.max(frozenUntilMs, life === null ? engine.now() : bornMs),
  };
  return self;
}
