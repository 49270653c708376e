/**
 * mmm-sidecar: makes local routing agree with the topology. Per cluster one watcher reads what identify
 * decided and hands it to every target; targets work on their own, so none waits for another. The
 * watcher reports what all of them together came to, and repeats it each second.
 */
import type { SidecarConfig } from '../config/types.ts';
import { createResolver } from '../haproxy/resolve.ts';
import { createRouter } from '../haproxy/router.ts';
import type { Clock, Hub, Log, Memory } from '../ports.ts';
import type { Run } from '../render/apply.ts';
import { watchFiles } from '../render/watch.ts';
import { targetKinds } from '../targets/index.ts';
import { createWatcher, type Watcher } from './cluster-watcher.ts';
import { startLoop } from './loop.ts';
import { createServerIds } from './server-ids.ts';
import { createTarget, type Target } from './target.ts';

export interface Sidecar {
  /**
   * Runs until `signal` aborts, then says goodbye in its reports, but for clusters that are kept when the abort
   * reason is `reload`: a sidecar with the new configuration follows. Servers and files stay as they are.
   * Resolves when no file is being written any more.
   */
  start(signal: AbortSignal): Promise<void>;
  /**
   * One look at a cluster's topology and the first attempt at everything it asks for; resolves with a
   * sentence for the log. Rejects with HubError when Redis does not answer.
   */
  step(uniqsign: string): Promise<string>;
}

export interface SidecarOptions {
  readonly config: SidecarConfig;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  /** Runs check_cmd and reload_cmd, bounded. */
  readonly run: Run;
  /** Called once, after the first pass over every cluster succeeded. */
  readonly onReady?: () => void;
  /** Whether the configuration that replaces this one has the cluster too. */
  readonly isKept?: (uniqsign: string) => boolean;
}

/** A stopped haproxy accepts connections and never answers. */
const SOCKET_MS = 500;
const RESOLVE = { timeoutMs: 500, keepMs: 30_000 } as const;

export function createSidecar(options: SidecarOptions): Sidecar {
  const { config, hub, clock, log } = options;
  const serverIds = createServerIds({ hub, clock, log });
  const watchers = new Map<string, Watcher>();
  const targets = config.targets.map((target) => targetOf(target));
  for (const allowed of config.clusters) {
    const own = targets.filter((_, i) => config.targets[i]?.clusters.includes(allowed.tag));
    const watcher = createWatcher({
      ...options,
      id: config.state.id,
      allowed,
      targets: own,
      serverIds,
    });
    watchers.set(allowed.uniqsign, watcher);
  }

  function targetOf(target: SidecarConfig['targets'][number]): Target {
    const resolver = createResolver({ ...RESOLVE, now: () => clock.now() });
    const routers = target.sockets.map((socket) =>
      createRouter({ socket, clock, resolver, timeoutMs: SOCKET_MS }),
    );
    const { templatesDir, reconcileMs, clusters } = config;
    return createTarget({
      target,
      kind: targetKinds[target.kind],
      uniqsigns: clusters.flatMap(({ tag, uniqsign }) => (target.clusters.includes(tag) ? [uniqsign] : [])),
      templatesDir,
      reconcileMs,
      routers,
      resolver,
      serverId: serverIds.of,
      run: options.run,
      clock,
      log,
      onChange: (uniqsign) => watchers.get(uniqsign)?.report(),
    });
  }

  async function watchHints(wake: (uniqsign: string) => void, signal: AbortSignal): Promise<void> {
    await hub.watch(
      [...watchers.keys()],
      (uniqsign, hint) => {
        if (hint === 'topology' || hint === 'announced' || hint === 'reconnected') wake(uniqsign);
      },
      signal,
      config.redis.topic,
    );
  }

  /** A file changed by hand is looked at at once; the reconcile would find it later. */
  function watchDests(signal: AbortSignal): void {
    const byDest = new Map(targets.map((target, i) => [config.targets[i]?.dest ?? '', target]));
    watchFiles([...byDest.keys()], (dest) => byDest.get(dest)?.touched(), {
      signal,
      onError: (err) =>
        log.warn({ err }, 'cannot watch a folder: changes by hand are found by the reconcile'),
    });
  }

  return {
    async start(signal) {
      const lost = lostOnce(log);
      const waiting = new Set(watchers.keys());
      const loops = new Map(
        [...watchers].map(([uniqsign, watcher]) => {
          const loop = startLoop({
            clock,
            signal,
            everyMs: watcher.everyMs,
            onError: lost.say,
            step: async () => {
              await watcher.look();
              lost.over();
              watcher.repeat();
              if (!waiting.has(uniqsign) || !watcher.isSettled()) return;
              waiting.delete(uniqsign);
              if (waiting.size === 0) options.onReady?.();
            },
          });
          return [uniqsign, loop] as const;
        }),
      );
      watchDests(signal);
      const hints = watchHints((uniqsign) => loops.get(uniqsign)?.wake(), signal);
      await Promise.all([hints, ...[...loops.values()].map((loop) => loop.done)]);
      const resting = targets.map((target) => target.rest());
      const stays = signal.reason === 'reload' ? (options.isKept ?? (() => true)) : () => false;
      const left = [...watchers].filter(([uniqsign]) => !stays(uniqsign));
      await Promise.all(left.map(([, watcher]) => watcher.leave()));
      await Promise.all(resting);
    },
    async step(uniqsign) {
      const watcher = watchers.get(uniqsign);
      if (watcher === undefined) return 'not a cluster of this sidecar';
      await (await watcher.look()).attempted;
      watcher.report();
      await watcher.reported();
      return watcher.sentence();
    },
  };
}

/** Redis being away is one line, and one when it is back: the last good state is kept all the while. */
function lostOnce(log: Log): { say(error: unknown): void; over(): void } {
  let isLost = false;
  return {
    say(error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!isLost) log.warn({ reason }, 'cannot read the topology: the last good state is kept');
      isLost = true;
    },
    over() {
      if (isLost) log.info({}, 'the topology can be read again');
      isLost = false;
    },
  };
}
