/** Server processes of a test: started without a shell, logged to a file, ended by pid, never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running (or ended) child process. */
export interface Process extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Standard output and standard error. */
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  alive(): boolean;
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** TERM, and KILL after `withinMs` (default 10 s); resolves when it is gone. */
  stop(withinMs?: number): Promise<Exit>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<Exit>;
}

export interface StartOptions {
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Network namespace to run in; needs root. */
  readonly netns?: string;
}

const running = new Set<ChildProcess>();

const folders = new Set<string>();

/** Whatever way this process ends, short of being killed, nothing of it stays. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
});

/** Starts `command` at once; whether it serves is for the caller to find out. */
export function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  options: StartOptions,
): Process {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const [program = command, ...words] = insideOf(options.netns, command, args);
  const child = spawn(program, words, {
    stdio: ['ignore', log, log],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  closeSync(log);
  running.add(child);
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  }).finally(() => running.delete(child));
  exited.catch(() => undefined);
  return view(name, child, exited, options.logFile);
}

/** The same process in that network namespace: `ip netns exec` becomes the command, it does not start it. */
function insideOf(netns: string | undefined, command: string, args: readonly string[]): readonly string[] {
  return netns === undefined ? [command, ...args] : ['ip', 'netns', 'exec', netns, command, ...args];
}

function view(name: string, child: ChildProcess, exited: Promise<Exit>, logFile: string): Process {
  const signal = (which: NodeJS.Signals) => void child.kill(which);
  const kill = () => {
    signal('SIGKILL');
    return exited;
  };
  const stop = (withinMs = 10_000) => {
    signal('SIGTERM');
    // A stopped process does not see TERM until it goes on.
    signal('SIGCONT');
    const late = setTimeout(() => signal('SIGKILL'), withinMs);
    return exited.finally(() => clearTimeout(late));
  };
  return {
    name,
    pid: child.pid ?? -1,
    logFile,
    exited,
    alive: () => running.has(child),
    log: () => readFileSync(logFile, 'utf8'),
    signal,
    stop,
    kill,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
    },
  };
}

/** A fresh folder that every user may enter (mariadbd may run as another one), removed at the end. */
export async function tempDir(prefix: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), `mmm-${prefix}-`));
  await chmod(path, 0o755);
  folders.add(path);
  const dispose = async () => {
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
    folders.delete(path);
  };
  return { path, [Symbol.asyncDispose]: dispose };
}

const given = new Set<number>();

/** TCP ports on 127.0.0.1 that nobody listens on, never the same one twice in this process. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = await unusedPort();
    if (given.has(port)) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

/**
 * Below the range that the kernel takes for outgoing connections: a server that is restarted must find its
 * port still free.
 */
async function unusedPort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (await canListen(port)) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
