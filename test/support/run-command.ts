import { execFile } from 'node:child_process';
import { commandFile } from './project.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end of the process. */
  readonly tookMs: number;
}

/** Runs an installed command to its end; rejects only when it does not end within `withinMs`. */
export function runCommand(name: string, args: readonly string[], withinMs = 30_000): Promise<CommandResult> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const options = { timeout: withinMs, killSignal: 'SIGKILL', maxBuffer: 1 << 24 } as const;
    const child = execFile(
      process.execPath,
      [commandFile(name), ...args],
      options,
      (error, stdout, stderr) => {
        const tookMs = performance.now() - started;
        if (error?.killed === true) {
          reject(
            new Error(`${name} ${args.join(' ')} did not end within ${withinMs} ms:\n${stdout}${stderr}`),
          );
        } else {
          resolve({ code: child.exitCode ?? -1, stdout, stderr, tookMs });
        }
      },
    );
  });
}
