import type { ClusterView } from '../core/view.ts';
import { RouteError } from '../errors.ts';
import type { Log } from '../ports.ts';
import { applyText } from '../render/apply.ts';
import { renderText, type TextOptions } from '../render/text.ts';
import { readText } from '../render/write.ts';
import { type ReloadOptions, reloadOnce } from './reload.ts';

export interface FileOptions extends TextOptions, ReloadOptions {
  readonly log: Log;
}

/** What the running routers of the target looked like when they were last steered. */
export interface Running {
  /** `live` answers, `silent` does not, `nobody` is not running, `none` cannot be asked. */
  readonly state: 'live' | 'silent' | 'nobody' | 'none';
  /** Live, but without a server line for a writer. */
  readonly lacking: boolean;
  readonly found: readonly string[];
}

export interface Written {
  /** A reload was begun: a new worker came up, or may have. */
  readonly reloaded: boolean;
  readonly detail: string;
}

/** One call at a time: a later one waits for the earlier. */
export interface FileWriter {
  /**
   * Renders, asserts, checks and persists the file, reloads when the running router lacks what it says, and
   * proves the reload; a reload that fails puts the last good text back. Resolves with what was done, null
   * when `wanted` turned false meanwhile. With `mayReload` false a reload that is due stays owed. Rejects
   * with RenderError, CommandError or RouteError.
   */
  write(
    clusters: readonly [ClusterView, ...ClusterView[]],
    running: Running,
    wanted: () => boolean,
    mayReload: boolean,
  ): Promise<Written | null>;
  /** The reload under way: until it has ended, nothing can be said about the running router. */
  reloading(): Promise<unknown> | null;
  /** Resolves when nothing is under way any more. Never rejects. */
  idle(): Promise<unknown>;
}

export function createFileWriter(options: FileOptions): FileWriter {
  const { kind, output, log } = options;
  /** The file holds something the router must still be told of. */
  let owed = false;
  /** The text that a proven reload has loaded. */
  let loaded: string | null = null;
  let last: { readonly text: string; readonly writers: string } | null = null;
  let reload: Promise<unknown> | null = null;
  let queue: Promise<unknown> = Promise.resolve();

  function reloadReason(
    text: string,
    before: string | null,
    clusters: readonly ClusterView[],
    running: Running,
  ): string | null {
    if (owed) return 'it was not reloaded yet';
    if (running.state === 'none' || running.state === 'nobody')
      return before === text ? null : 'the file changed';
    const missing =
      running.state === 'silent'
        ? []
        : kind.servers(text, clusters).filter((address) => !running.found.includes(address));
    if (running.lacking || missing.length > 0)
      return `it lacks server lines (${missing.join(', ') || 'the writer'})`;
    const isNew = before !== null && before !== text && !kind.sameForm(before, text, clusters);
    return isNew ? 'the file changed in more than its direction' : null;
  }

  /** Form is rolled back, never direction: a text that may lead to an old writer is not put back. */
  async function restore(
    before: string | null,
    text: string,
    clusters: readonly ClusterView[],
  ): Promise<string> {
    const sameWriters = last !== null && last.text === before && last.writers === writersOf(clusters);
    const good = before === null ? null : (kind.turned(before, clusters) ?? (sameWriters ? before : null));
    if (good === null || good === text || kind.complaints(good, clusters, options.backend).length > 0) {
      return 'the new file stays, because the old one does not lead to the writer';
    }
    await applyText(output, good, options.run, () => true);
    owed = false;
    return 'the last good file was put back';
  }

  async function write(
    clusters: readonly [ClusterView, ...ClusterView[]],
    running: Running,
    wanted: () => boolean,
    mayReload: boolean,
  ): Promise<Written | null> {
    const text = await renderText(options, clusters);
    const before = await readText(output.dest);
    if (kind.drift === 'alert' && last?.text === text && before !== null && before !== text && !owed) {
      return {
        reloaded: false,
        detail: 'changed by somebody else, left alone until the next change of ours',
      };
    }
    if (kind.drift === 'revert' && last?.text === text && before !== text) {
      log.warn({ dest: output.dest }, 'a file was changed by somebody else: put ours back');
    }
    const reason = reloadReason(text, before, clusters, running);
    const done = await applyText(output, text, options.run, wanted);
    if (done === 'given up') return null;
    if (done === 'written') log.info({ dest: output.dest, clusters: writersOf(clusters) }, 'file written');
    const remember = () => {
      owed = false;
      last = { text, writers: writersOf(clusters) };
    };
    if (reason === null || (options.reloadCmd === null && !running.lacking)) {
      remember();
      return { reloaded: false, detail: done === 'written' ? 'written' : 'up to date' };
    }
    if (options.reloadCmd === null) {
      throw new RouteError(`${output.dest} must be loaded (${reason}), but there is no reload_cmd`);
    }
    if (done === 'same' && loaded === text && running.lacking) {
      throw new RouteError(`haproxy was reloaded but ${reason}: does it read ${output.dest}?`);
    }
    owed = true;
    if (!mayReload) return { reloaded: false, detail: `written; loaded after the handover: ${reason}` };
    if (running.state === 'silent')
      return { reloaded: false, detail: 'written; haproxy does not answer, so it is loaded later' };
    if (!wanted()) return null;
    log.info({ dest: output.dest, reason }, 'reloading');
    const reloaded = reloadOnce(options, running.state === 'live', wanted).finally(() => {
      reload = null;
    });
    reload = reloaded;
    try {
      if ((await reloaded) === 'abandoned') {
        return { reloaded: true, detail: 'written; newer news came before it was loaded' };
      }
    } catch (error) {
      if (running.state === 'nobody') {
        remember();
        return {
          reloaded: false,
          detail: `written; haproxy is not running and reload_cmd says: ${wordsIn(error)}`,
        };
      }
      const rest = await restore(before, text, clusters).catch((why) => `not put back: ${wordsIn(why)}`);
      throw new RouteError(`${output.dest} was written but not loaded: ${wordsIn(error)}; ${rest}`, {
        cause: error,
      });
    }
    remember();
    loaded = text;
    return { reloaded: true, detail: `written and reloaded: ${reason}` };
  }

  return {
    reloading: () => reload,
    idle: () => queue,
    write(clusters, running, wanted, mayReload) {
      const done = queue.then(() => (wanted() ? write(clusters, running, wanted, mayReload) : null));
      queue = done.catch(() => undefined);
      return done;
    },
  };
}

function writersOf(clusters: readonly ClusterView[]): string {
  return clusters.map((cluster) => `${cluster.tag} ${cluster.writer?.address ?? '-'}`).join(', ');
}

function wordsIn(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
