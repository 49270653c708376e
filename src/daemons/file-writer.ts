import type { ClusterView } from '../core/view.ts';
import { targetView } from '../core/view.ts';
import { RenderError, RouteError } from '../errors.ts';
import type { Router } from '../haproxy/router.ts';
import type { Clock, Log } from '../ports.ts';
import { applyText, type Output, type Run, wordsOf } from '../render/apply.ts';
import { readTemplate, readTrusted } from '../render/source.ts';
import { compileTemplate } from '../render/template.ts';
import { readText } from '../render/write.ts';
import type { TargetKind } from '../targets/target.ts';

export interface FileOptions {
  readonly kind: TargetKind;
  readonly output: Output;
  readonly template: string | null;
  readonly templatesDir: string | null;
  readonly reloadCmd: readonly string[] | null;
  readonly backend: string | null;
  readonly options: Readonly<Record<string, string>>;
  readonly routers: readonly Router[];
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a reloaded router may take to answer with a new worker. */
  readonly proveMs: number;
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
  readonly reloaded: boolean;
  readonly detail: string;
}

/** One call at a time: a later one waits for the earlier. */
export interface FileWriter {
  /**
   * Renders, asserts, checks and persists the file, reloads when the running router lacks what it says, and
   * proves the reload; a reload that fails puts the last good text back. Resolves with what was done, null
   * when `wanted` turned false meanwhile. Rejects with RenderError, CommandError or RouteError.
   */
  write(
    clusters: readonly [ClusterView, ...ClusterView[]],
    running: Running,
    wanted: () => boolean,
  ): Promise<Written | null>;
  /** The reload under way: until it has ended, nothing can be said about the running router. */
  reloading(): Promise<unknown> | null;
}

const PROVE_EVERY_MS = 20;

export function createFileWriter(options: FileOptions): FileWriter {
  const { kind, output, log } = options;
  /** The file holds something the router must still be told of. */
  let owed = false;
  /** The text that a proven reload has loaded. */
  let loaded: string | null = null;
  let last: { readonly text: string; readonly writers: string } | null = null;
  let reload: Promise<unknown> | null = null;
  let queue: Promise<unknown> = Promise.resolve();

  async function render(clusters: readonly [ClusterView, ...ClusterView[]]): Promise<string> {
    const name = options.template ?? kind.template;
    if (name === null) throw new RenderError(`${output.dest} has no template: set template=`);
    const source = await readTemplate(name, options.templatesDir);
    const view = targetView(clusters, options.options, await includes());
    const text = compileTemplate(source, name)(view);
    const complaints = kind.complaints(text, clusters, options.backend);
    if (complaints.length > 0) throw new RenderError(`template ${name}: ${complaints.join('; ')}`);
    return text;
  }

  async function includes(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const key of kind.includes) {
      const path = options.options[key];
      if (path === undefined || path === '') continue;
      const text = await readTrusted(path);
      if (text === null) throw new RenderError(`${key}: ${path} is not there`);
      found[key] = text;
    }
    return found;
  }

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

  async function reloadOnce(running: Running): Promise<void> {
    const words = wordsOf(options.reloadCmd ?? [], output);
    const before = running.state === 'live' ? await Promise.all(options.routers.map((one) => one.pid())) : [];
    await options.run(words);
    if (running.state === 'live') await proveReload(before);
  }

  async function proveReload(before: readonly (string | null)[]): Promise<void> {
    const until = options.clock.now() + options.proveMs;
    for (;;) {
      const now = await Promise.all(options.routers.map((one) => one.pid().catch(() => null)));
      if (now.every((pid, i) => pid !== null && pid !== before[i])) return;
      if (options.clock.now() > until) {
        throw new RouteError(
          `reload_cmd succeeded, but no new haproxy worker answers after ${options.proveMs} ms: see haproxy's own log`,
        );
      }
      await options.clock.sleep(PROVE_EVERY_MS);
    }
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
  ): Promise<Written | null> {
    const text = await render(clusters);
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
    if (running.state === 'silent')
      return { reloaded: false, detail: 'written; haproxy does not answer, so it is loaded later' };
    if (!wanted()) return null;
    log.info({ dest: output.dest, reason }, 'reloading');
    reload = reloadOnce(running).finally(() => {
      reload = null;
    });
    try {
      await reload;
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
    write(clusters, running, wanted) {
      const done = queue.then(() => (wanted() ? write(clusters, running, wanted) : null));
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
