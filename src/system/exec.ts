import { execa } from 'execa';
import { CommandError } from '../errors.ts';

export interface ExecOptions {
  /** After this the command and all its children are killed. */
  readonly timeoutMs: number;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** Besides our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another user than our own: only root may say so. */
  readonly as?: { readonly uid: number; readonly gid: number };
}

/** Runs commands without a shell, each in its own process group. */
export interface Exec {
  /**
   * Resolves with what it printed (8 KiB at most) when it exits 0; otherwise rejects with CommandError.
   * `words` are never shown beyond the first: they may hold secrets.
   */
  run(words: readonly string[], options?: RunOptions): Promise<{ readonly output: string }>;
}

const LONGEST_OUTPUT = 8192;
/** A daemon started by the command may keep its output open: this is how long we wait for the rest. */
const LINGER_MS = 200;

/** Even a killed process may hang in the kernel: we stop waiting for it. */
const GIVE_UP_MS = 1000;

export function createExec({ timeoutMs }: ExecOptions): Exec {
  return {
    async run(words, options = {}) {
      const [name, ...args] = words;
      if (name === undefined) throw new CommandError('there is no command to run');
      const child = spawn(name, args, options);
      const output = capture(child.all);
      const watch = killAtTimeout(child, timeoutMs);
      try {
        const result = await Promise.race([child, watch.givenUp]);
        const text = output();
        if (watch.timedOut()) throw new CommandError(`${name} was killed after ${timeoutMs}ms${quote(text)}`);
        if (result?.exitCode !== 0) throw new CommandError(`${name} ${ending(result)}${quote(text)}`);
        return { output: text };
      } finally {
        watch.end();
      }
    },
  };
}

type Child = ReturnType<typeof spawn>;

function spawn(name: string, args: readonly string[], { stdin, cwd, env, as }: RunOptions) {
  return execa(name, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...as,
    ...(stdin === undefined ? { stdin: 'ignore' as const } : { input: stdin }),
    shell: false,
    detached: true,
    all: true,
    buffer: false,
    reject: false,
  });
}

function killAtTimeout(
  child: Child,
  timeoutMs: number,
): { readonly givenUp: Promise<null>; timedOut(): boolean; end(): void } {
  let timedOut = false;
  let giveUp: NodeJS.Timeout | undefined;
  const killGroup = (): void => killAll(child.pid);
  const { promise, resolve } = later<null>();
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
    giveUp = setTimeout(() => resolve(null), GIVE_UP_MS);
  }, timeoutMs);
  process.once('exit', killGroup);
  child.once('exit', () => {
    clearTimeout(timer);
    setTimeout(() => letGo(child), LINGER_MS).unref();
  });
  return {
    givenUp: promise,
    timedOut: () => timedOut,
    end() {
      clearTimeout(timer);
      clearTimeout(giveUp);
      process.removeListener('exit', killGroup);
    },
  };
}

function later<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function letGo(child: Child): void {
  for (const stream of [child.stdout, child.stderr, child.all]) stream?.destroy();
}

function killAll(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}

/** Keeps the first bytes and swallows the rest, so that a chatty command neither fills memory nor blocks. */
function capture(stream: Child['all']): () => string {
  let kept = Buffer.alloc(0);
  let cut = false;
  stream?.on('data', (chunk: Buffer) => {
    const room = LONGEST_OUTPUT - kept.length;
    cut ||= chunk.length > room;
    if (room > 0) kept = Buffer.concat([kept, chunk.subarray(0, room)]);
  });
  return () => kept.toString('utf8').trimEnd() + (cut ? ' ... (cut)' : '');
}

function ending(result: Awaited<Child> | null): string {
  if (result === null) return 'does not end';
  if (result.exitCode !== undefined) return `failed with exit code ${result.exitCode}`;
  if (result.signal !== undefined) return `was ended by ${result.signal}`;
  return `cannot be started: ${result.originalMessage ?? 'no reason was given'}`;
}

function quote(output: string): string {
  return output === '' ? '' : `: ${output}`;
}
