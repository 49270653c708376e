/** Faults that a healthy writer must survive untouched: it is not closed for a moment, and nobody else is opened. */
import type { Row, Scene } from '../row.ts';
import { central, local } from '../set-ups.ts';

const untouched = { writer: 'same', failovers: 0, staysOpen: true } as const;

/** Longer than any lease here, its W, and all that a failover takes. */
const LONG_MS = 8_000;

export const nothingMoves: readonly Row[] = [
  {
    name: 'central-agent-dead',
    promise: 'a central agent is killed and stays dead for 15 s: nothing moves',
    site: central,
    expects: untouched,
    async disturb({ site, mark, passes }) {
      mark('kill -9 mmm-agent');
      await site.agentOfA.kill9();
      await passes(15_000);
    },
  },
  {
    name: 'central-redis-frozen',
    promise: 'Redis is frozen, the agent is central: nothing moves',
    site: central,
    expects: untouched,
    disturb: freezeRedis,
  },
  {
    name: 'redis-frozen',
    promise: 'Redis is frozen for longer than a lease lasts: the peer grants it, nothing moves',
    site: local,
    expects: untouched,
    disturb: freezeRedis,
  },
  {
    name: 'redis-emptied',
    promise: 'Redis is emptied: the writer stays open, under the same generation',
    site: local,
    expects: { ...untouched, sameGeneration: true },
    async disturb({ site, mark, passes }) {
      mark('FLUSHALL');
      await site.redis.client.flushall();
      await passes(LONG_MS);
    },
  },
  {
    name: 'redis-restarted-empty',
    promise: 'Redis is killed and comes back empty: the writer stays open, under the same generation',
    site: local,
    expects: { ...untouched, sameGeneration: true },
    async disturb({ site, mark, passes }) {
      mark('kill -9 redis-server');
      await site.redis.kill9();
      await passes(2_000);
      mark('Redis is back, empty');
      await site.redis.restart();
      await passes(LONG_MS);
    },
  },
  {
    name: 'redis-old-dump',
    promise: 'Redis is restarted from a dump of two switchovers ago: nobody obeys it, nobody else is opened',
    site: local,
    everyRun: true,
    expects: { ...untouched, sameGeneration: true },
    async prepare({ site, switchTo }) {
      await site.redis.client.save();
      await switchTo(site.b);
      await switchTo(site.a);
    },
    async disturb({ site, mark, passes }) {
      mark('kill -9 redis-server, and start it from the old dump');
      await site.redis.kill9();
      await site.redis.restart();
      await passes(LONG_MS);
    },
  },
  {
    name: 'writer-cut-from-redis',
    promise: "the writer's host loses Redis alone: the peer grants its lease, nothing moves",
    site: local,
    everyRun: true,
    direct: true,
    expects: untouched,
    async disturb({ site, mark, passes }) {
      mark('dba and hub are parted');
      await site.net.part('dba', 'hub');
      await passes(LONG_MS);
    },
  },
  {
    name: 'writer-cut-from-peer',
    promise: "the writer's host loses its peer alone: Redis grants its lease, nothing moves",
    site: local,
    expects: untouched,
    async disturb({ site, mark, passes }) {
      mark('dba and dbb are parted');
      await site.net.part('dba', 'dbb');
      await passes(LONG_MS);
    },
  },
  {
    name: 'replies-of-redis-lost',
    promise: 'what the writer sends to Redis arrives, what Redis answers does not: nothing moves',
    site: local,
    expects: untouched,
    async disturb({ site, mark, passes }) {
      mark('dba does not hear hub');
      await site.net.deafen('dba', ['hub']);
      await passes(LONG_MS);
    },
  },
  {
    name: 'mysqld-frozen-1s',
    promise: "the writer's mysqld stands still for a second: nothing moves",
    site: { ...local, clusterKeys: ['fencing=strict'] },
    expects: untouched,
    async disturb({ writer, mark, passes }) {
      mark('mysqld of dba is frozen');
      writer.freeze();
      await passes(1_000);
      mark('and goes on');
      writer.thaw();
      await passes(5_000);
    },
  },
];

async function freezeRedis({ site, mark, passes }: Scene): Promise<void> {
  mark('Redis is frozen');
  site.redis.freeze();
  await passes(LONG_MS);
}
