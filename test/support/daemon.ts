/** A daemon of mmm-manager as an operator runs it: the installed command with a configuration file. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { type Exit, type Process, startProcess } from './processes.ts';
import { commandFile } from './project.ts';

export type DaemonName = 'mmm-monitor' | 'mmm-identify' | 'mmm-agent' | 'mmm-sidecar';

export interface Daemon extends AsyncDisposable {
  readonly name: DaemonName;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  readonly logFile: string;
  alive(): boolean;
  /** Starts it, or starts it again after it ended. */
  start(): void;
  /** Resolves when the process started last has logged that it is ready. */
  ready(withinMs?: number): Promise<void>;
  kill9(): Promise<void>;
  /** TERM; resolves with its exit, KILL after 10 s. */
  term(): Promise<Exit>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Rereads its configuration (HUP). */
  reload(): void;
  /** Log lines so far, of all its processes. */
  lines(): Promise<readonly LogLine[]>;
}

/** One JSON log line; text that is no JSON stands in `msg`. */
type LogLine = Readonly<Record<string, unknown>>;

export interface DaemonOptions {
  readonly name: DaemonName;
  readonly configFile: string;
  readonly logFile: string;
  readonly args?: readonly string[];
  /** Network namespace to run in. */
  readonly netns?: string;
}

/** Describes a daemon; `start()` runs it. */
export function createDaemon(options: DaemonOptions): Daemon {
  let child: Process | null = null;
  let before = 0;
  const running = (): Process => {
    if (child === null) throw new Error(`${options.name} has not been started`);
    return child;
  };
  const start = () => {
    if (child?.alive() === true) throw new Error(`${options.name} is running already`);
    before = existsSync(options.logFile) ? statSync(options.logFile).size : 0;
    const args = [commandFile(options.name), '--conf', options.configFile, ...(options.args ?? [])];
    child = startProcess(options.name, process.execPath, args, {
      logFile: options.logFile,
      ...(options.netns !== undefined && { netns: options.netns }),
    });
  };
  const lines = () => readLines(options.logFile);
  const ready = async (withinMs = 20_000) => {
    const look = async () => {
      const said = await readLines(options.logFile, before);
      if (said.some((line) => line.event === 'ready')) return 'ready';
      return running().alive() ? 'not ready' : 'ended';
    };
    const seen = await eventually(`${options.name} is ready`, look, (state) => state !== 'not ready', {
      withinMs,
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${running().log().slice(-4000)}`);
    });
    if (seen === 'ended')
      throw new Error(`${options.name} ended at its start:\n${running().log().slice(-4000)}`);
  };
  return {
    name: options.name,
    get pid() {
      return running().pid;
    },
    logFile: options.logFile,
    alive: () => child?.alive() === true,
    start,
    ready,
    kill9: async () => void (await running().kill()),
    term: () => running().stop(),
    freeze: () => running().signal('SIGSTOP'),
    thaw: () => running().signal('SIGCONT'),
    reload: () => running().signal('SIGHUP'),
    lines,
    [Symbol.asyncDispose]: async () => {
      if (child?.alive() === true) await child.stop(4_000);
    },
  };
}

async function readLines(file: string, from = 0): Promise<readonly LogLine[]> {
  const text = await readFile(file);
  return text
    .subarray(from)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      try {
        return JSON.parse(line) as LogLine;
      } catch {
        return { msg: line };
      }
    });
}
