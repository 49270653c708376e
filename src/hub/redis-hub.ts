import type { Redis } from 'ioredis';
import { Answer, Uniqsign } from '../core/model.ts';
import type { Hub } from '../ports.ts';
import { ANSWER_TTL_SECONDS, change, eventFields, repairs, storedEvent } from './change.ts';
import { readChecks, writeCheck } from './checks.ts';
import { connect, type RedisOptions } from './connect.ts';
import { DOCUMENT_LIMIT, parseDocument, serialise, stored } from './documents.ts';
import {
  answerKey,
  CLUSTERS,
  clusterKey,
  type LegacyName,
  type OwnName,
  prefix,
  wakeChannel,
} from './keys.ts';
import { lead, resign } from './leader.ts';
import { releaseLease, renewLease } from './lease.ts';
import { readOrders } from './orders.ts';
import { rawCluster } from './raw.ts';
import { writeReport } from './reports.ts';
import { runScript, scripts } from './scripts.ts';
import { assemble, parseTopology } from './state.ts';
import { createSubscriber } from './subscriber.ts';
import { isWrongType } from './trouble.ts';

/**
 * Redis as the hub. Never fails to be made: while Redis is away the methods reject with HubError, and work
 * again when it is back. Until the first connection stands a method waits for it, within the command timeout.
 */
export function createRedisHub(options: RedisOptions): Hub {
  const subscriber = createSubscriber(options);
  let connectedBefore = false;
  const { run, close } = connect(options, () => {
    if (connectedBefore) subscriber.reconnected();
    connectedBefore = true;
  });

  return {
    clusters: () =>
      run(async (redis) => {
        const signs = await tolerant(redis.smembers(CLUSTERS), []);
        return signs.filter((sign) => Uniqsign.safeParse(sign).success).sort();
      }),
    read: async (sign) => assemble(sign, rawCluster(await run((redis) => readCluster(redis, sign)))),
    readTopology: async (sign) =>
      parseTopology(
        sign,
        stored(await run((redis) => readText(redis, clusterKey(sign, 'topology')))),
        () => {},
      ),
    readOrders: (sign) => run((redis) => readOrders(redis, sign)),
    renewLease: (sign, renewal) => run((redis) => renewLease(redis, sign, renewal)),
    releaseLease: (sign, lease) => run((redis) => releaseLease(redis, sign, lease)),
    lead: (sign, id, takeFrom) => run((redis) => lead(redis, sign, id, takeFrom)),
    resign: (sign, id) => run((redis) => resign(redis, sign, id)),
    commit: async (commit) => {
      const { text, ...rest } = change(commit);
      const keys = [...clusterKeys(rest.uniqsign, COMMIT_KEYS), CLUSTERS];
      const values = [commit.basedOn ?? '', text, JSON.stringify(rest)];
      const outcome = await run((redis) => runScript(redis, scripts.commit, keys, values));
      return outcome === 'committed' || outcome === 'withdrawn' ? outcome : 'stale';
    },
    repairLegacy: async (sign, wanted) => {
      const keys = [...clusterKeys(sign, REPAIR_KEYS), CLUSTERS];
      const values = [JSON.stringify(repairs(wanted)), sign];
      const repaired = await run((redis) => runScript(redis, scripts.repair, keys, values));
      return Array.isArray(repaired) ? repaired.map(String) : [];
    },
    putFacts: (facts) => run((redis) => writeReport(redis, facts.uniqsign, 'facts', facts)),
    putCheck: (sign, address, check) => run((redis) => writeCheck(redis, sign, address, check)),
    readChecks: (sign, addresses) => run((redis) => readChecks(redis, sign, addresses)),
    putAgentReport: (sign, report) => run((redis) => writeReport(redis, sign, 'agent', report)),
    putSidecarReport: (sign, report) => run((redis) => writeReport(redis, sign, 'sidecar', report)),
    putEvent: async (sign, event) => {
      const values = eventFields(event);
      await run((redis) => runScript(redis, scripts.putEvent, clusterKeys(sign, ['events']), values));
    },
    events: (sign, count) =>
      run(async (redis) => {
        const newest = await tolerant(
          redis.xrevrange(clusterKey(sign, 'events'), '+', '-', 'COUNT', count),
          [],
        );
        return newest.map(([at, fields]) => storedEvent(at, fields)).reverse();
      }),
    putRequest: async (sign, request, ttlMs) => {
      const text = serialise('request', request);
      await run(async (redis) => {
        const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
        const expires = seconds * 1e6 + microseconds + Math.round(ttlMs) * 1000;
        const values = [request.id, text, expires, wakeChannel(sign)];
        await runScript(redis, scripts.putRequest, clusterKeys(sign, ['requests']), values);
      });
    },
    withdraw: (sign, id) =>
      run(async (redis) => (await tolerant(redis.hdel(clusterKey(sign, 'requests'), id), 0)) === 1),
    answer: async (sign, answer) => {
      const keys = [answerKey(sign, answer.id), clusterKey(sign, 'requests')];
      const values = [serialise('answer', answer), ANSWER_TTL_SECONDS, answer.id, wakeChannel(sign)];
      await run((redis) => runScript(redis, scripts.answer, keys, values));
    },
    readAnswer: async (sign, id) => {
      const text = await run((redis) => readText(redis, answerKey(sign, id)));
      const answer = parseDocument(Answer, 'answer', stored(text), () => {});
      return answer?.id === id ? answer : null;
    },
    watch: subscriber.watch,
    close: async () => {
      subscriber.close();
      close();
    },
  };
}

const COMMIT_KEYS = ['topology', 'requests', 'events', 'mode', 'master', 'lease'] as const;
const READ_KEYS = [
  'topology',
  'requests',
  'reporters',
  'mode',
  'master',
  'servicemode',
  'primaryhost',
  'secondaryhost',
  'members',
  'lease',
  'leader',
] as const;
const REPAIR_KEYS = [
  'topology',
  'mode',
  'master',
  'servicemode',
  'primaryhost',
  'secondaryhost',
  'members',
] as const;

function readCluster(redis: Redis, uniqsign: string): Promise<unknown> {
  return runScript(redis, scripts.read, [], [prefix(uniqsign), ...clusterKeys(uniqsign, READ_KEYS)]);
}

function clusterKeys(uniqsign: string, names: readonly (LegacyName | OwnName)[]): string[] {
  return names.map((name) => clusterKey(uniqsign, name));
}

/** A string key, one byte beyond the limit at most; null when absent or of another type. */
async function readText(redis: Redis, key: string): Promise<string | null> {
  const text = await tolerant(redis.getrange(key, 0, DOCUMENT_LIMIT), '');
  return text === '' ? null : text;
}

/** What somebody made of another type counts as absent. */
async function tolerant<T>(reply: Promise<T>, absent: T): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    if (isWrongType(error)) return absent;
    throw error;
  }
}
