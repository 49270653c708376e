import { loadMmmConfig } from '../config/mmm.ts';
import type { MmmConfig } from '../config/types.ts';
import { epochMs } from '../core/timeline.ts';
import { exitCode } from '../core/verdict.ts';
import { HubError, UsageError } from '../errors.ts';
import { createRedisHub } from '../hub/redis-hub.ts';
import type { Hub } from '../ports.ts';
import { eventsText } from './events-text.ts';
import { gather } from './gather.ts';
import type { Context, Program } from './main.ts';
import { statusJson } from './status-json.ts';
import { statusText } from './status-text.ts';
import { watchStatus } from './watch.ts';

const UNKNOWN = 3;

export const statusProgram: Program = {
  name: 'mmm-status',
  about:
    'Shows the clusters. Exit code: 0 OK, 1 degraded, 2 no writer or two, 3 unknown; the worst of all clusters.',
  defaultConf: '/etc/mmm-manager/mmm.conf',
  usageExit: UNKNOWN,
  options: [
    { flags: '--json', about: 'for programs' },
    { flags: '--watch', about: 'show again on every change and every second, until interrupted' },
  ],
  verbs: [
    {
      name: 'events',
      about: 'what happened, with the measured times of each handover',
      options: [{ flags: '-n <COUNT>', about: 'how many events of each cluster', fallback: '50' }],
    },
    {
      name: 'explain',
      about:
        'which rule decides now and why none before it does; during a handover, what each gate waits for',
    },
  ],
  run: async (context) => {
    const config = await loadMmmConfig(context.conf, {
      tags: context.tags,
      ...(context.redis === undefined ? {} : { redis: context.redis }),
    });
    const hub = createRedisHub(config.redis);
    try {
      // Loaded only here: the status itself shall start fast.
      if (context.verb === 'explain')
        return await (await import('./explain.ts')).showExplanation(hub, config, context);
      if (context.verb === 'events') return await showEvents(hub, config, context);
      if (context.options.watch === true) return await watchStatus(hub, config.clusters, context);
      return await showStatus(hub, config, context);
    } finally {
      await hub.close();
    }
  },
};

async function showStatus(hub: Hub, config: MmmConfig, context: Context): Promise<number> {
  const all = await Promise.all(config.clusters.map((cluster) => gather(hub, cluster)));
  const text = context.options.json === true ? statusJson(all) : all.map(statusText).join('');
  process.stdout.write(text);
  return exitCode(all.map(({ health }) => health));
}

async function showEvents(hub: Hub, config: MmmConfig, context: Context): Promise<number> {
  if (context.options.watch === true) throw new UsageError('--watch does not go with events');
  const count = eventCount(context.options.n);
  try {
    const all = await Promise.all(
      config.clusters.map(async ({ tag, uniqsign }) => ({ tag, events: await hub.events(uniqsign, count) })),
    );
    if (context.options.json === true) {
      const events = all.flatMap(({ tag, events }) =>
        events.map((event) => ({ tag, ...event, time: new Date(epochMs(event.at)).toISOString() })),
      );
      process.stdout.write(`${JSON.stringify({ events }, null, 2)}\n`);
    } else {
      process.stdout.write(all.map(({ tag, events }) => eventsText(tag, events)).join(''));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    process.stderr.write(`mmm-status: ${error.message}\n`);
    return UNKNOWN;
  }
}

function eventCount(text: unknown): number {
  if (text === undefined) return 50;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000) {
    throw new UsageError('-n must be a whole number from 1 to 1000');
  }
  return count;
}
