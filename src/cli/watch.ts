import type { ClusterConfig } from '../config/types.ts';
import { exitCode } from '../core/verdict.ts';
import type { Hub } from '../ports.ts';
import { createAlarmClock } from './alarm-clock.ts';
import { gather } from './gather.ts';
import { interrupted } from './interrupt.ts';
import type { Context } from './main.ts';
import { statusJson } from './status-json.ts';
import { statusText } from './status-text.ts';

const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';
const PERIOD_MS = 1000;
/** A burst of changes is shown as one. */
const SHORTEST_PAUSE_MS = 50;

/** Shows the status again and again until a signal comes; resolves with the exit code of the last one. */
export async function watchStatus(
  hub: Hub,
  clusters: readonly ClusterConfig[],
  context: Context,
): Promise<number> {
  const stop = interrupted();
  const clock = createAlarmClock(stop);
  const signs = clusters.map(({ uniqsign }) => uniqsign);
  await hub.watch(signs, clock.ring, stop);
  let code = 3;
  for (;;) {
    const all = await Promise.all(clusters.map((cluster) => gather(hub, cluster)));
    code = exitCode(all.map(({ health }) => health));
    const text = context.options.json === true ? statusJson(all) : all.map(statusText).join('');
    process.stdout.write(process.stdout.isTTY ? CLEAR_SCREEN + text : text);
    if (stop.aborted) return code;
    await clock.sleep(SHORTEST_PAUSE_MS, { deaf: true });
    await clock.sleep(PERIOD_MS);
    if (stop.aborted) return code;
  }
}
