/** Tells when somebody touches one of our files. The folder is watched: an editor replaces the file itself. */
import { basename, dirname, resolve } from 'node:path';
import { watch } from 'chokidar';

/**
 * Calls back with the path as given, until `signal` aborts; our own writes are told too. What cannot be watched
 * is told to `onError`: callers look from time to time anyway.
 */
export function watchFiles(
  paths: readonly string[],
  onTouched: (path: string) => void,
  options: { readonly signal: AbortSignal; readonly onError: (error: unknown) => void },
): void {
  const given = new Map(paths.map((path) => [resolve(path), path]));
  const folders = [...new Set([...given.keys()].map((path) => dirname(path)))];
  const names = new Set([...given.keys()].map((path) => basename(path)));
  const ignored = (path: string): boolean => !folders.includes(resolve(path)) && !names.has(basename(path));
  const watcher = watch(folders, { depth: 0, ignoreInitial: true, ignored });
  watcher.on('all', (_event, path) => {
    const known = given.get(resolve(path));
    if (known !== undefined) onTouched(known);
  });
  watcher.on('error', options.onError);
  options.signal.addEventListener('abort', () => void watcher.close(), { once: true });
}
