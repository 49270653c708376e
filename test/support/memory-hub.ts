import { Answer, type LegacyCheck, Topology, Uniqsign } from '../../src/core/model.ts';
import { HubError } from '../../src/errors.ts';
import {
  ANSWER_TTL_SECONDS,
  announcedCluster,
  change,
  eventFields,
  type LegacyPair,
  repairs,
  storedEvent,
} from '../../src/hub/change.ts';
import { CHECK_FIELDS, parseCheck } from '../../src/hub/checks.ts';
import { parseDocument, type Stored, serialise, stored } from '../../src/hub/documents.ts';
import {
  answerKey,
  CLUSTERS,
  checkKey,
  clusterKey,
  prefix,
  type ReportKind,
  reportKey,
  reportName,
  wakeChannel,
} from '../../src/hub/keys.ts';
import { ordersOf } from '../../src/hub/orders.ts';
import { hintOf, REPORT_TTL_SECONDS } from '../../src/hub/reports.ts';
import { assemble, parseTopology, type RawCluster } from '../../src/hub/state.ts';
import type { Commit, Hint, Hub, LegacyKeys } from '../../src/ports.ts';
import { lead, rawLeader, rawLease, release, renew, resign, writeLease } from './memory-lease.ts';
import { createMemoryRedis, type MemoryRedis, type Snapshot } from './memory-redis.ts';

/** A hub without Redis, with the same behaviour (proved by the same contract suite); hints arrive at once. */
export interface MemoryHub extends Hub {
  readonly redis: MemoryRedis;
  /** Redis restarted without its data. */
  flush(): void;
  snapshot(): Snapshot;
  /** Redis restarted with older data. */
  restore(snapshot: Snapshot): void;
  /** The next `n` calls reject; those that write reject after they have written when `when` is `after`. */
  failNext(n: number, when?: 'before' | 'after'): void;
}

const LIMIT_REPORTERS = 4096;
const LIMIT_REQUESTS = 1024;
const LIMIT_EVENTS = 1000;
const SHORT = 512;

/** Several hubs may share one `redis`: each is then a connection of its own. */
export function createMemoryHub(redis: MemoryRedis = createMemoryRedis()): MemoryHub {
  let failures = 0;
  let failure: 'before' | 'after' = 'before';
  let closed = false;

  async function call<T>(work: () => T): Promise<T> {
    if (closed) throw new HubError('the connection to Redis was closed by this program');
    const fails = failures > 0;
    if (fails) failures -= 1;
    if (fails && failure === 'before') throw new HubError('Redis is away (asked for by the test)');
    const result = work();
    if (fails) throw new HubError('Redis did not answer in time (asked for by the test)');
    return result;
  }

  const wake = (sign: string, hint: Hint) => redis.publish(wakeChannel(sign), hint);
  const report = (sign: string, kind: ReportKind, document: { readonly id: string }) =>
    call(() => putReport(redis, sign, kind, document));

  return {
    redis,
    clusters: () =>
      call(() => {
        const signs = [...(redis.find(CLUSTERS, 'set')?.members ?? [])];
        return signs.filter((sign) => Uniqsign.safeParse(sign).success).sort();
      }),
    read: (sign) => call(() => assemble(sign, readRaw(redis, sign))),
    readTopology: (sign) =>
      call(() => parseTopology(sign, textOf(redis, clusterKey(sign, 'topology')), () => {})),
    readOrders: (sign) =>
      call(() => {
        const topology = textOf(redis, clusterKey(sign, 'topology'));
        return ordersOf(sign, { incarnation: redis.incarnation(), topology });
      }),
    renewLease: (sign, renewal) => call(() => renew(redis, sign, renewal)),
    releaseLease: (sign, lease) => call(() => release(redis, sign, lease)),
    lead: (sign, id, takeFrom) => call(() => lead(redis, sign, id, takeFrom)),
    resign: (sign, id) => call(() => resign(redis, sign, id)),
    commit: (commit) => call(() => applyCommit(redis, commit)),
    repairLegacy: (sign, wanted) => call(() => repair(redis, sign, wanted)),
    putFacts: (facts) => report(facts.uniqsign, 'facts', facts),
    putCheck: (sign, address, check) => call(() => setFields(redis, checkKey(sign, address), { ...check })),
    readChecks: (sign, addresses) => call(() => checks(redis, sign, addresses)),
    putAgentReport: (sign, document) => report(sign, 'agent', document),
    putSidecarReport: (sign, document) => report(sign, 'sidecar', document),
    putEvent: (sign, event) => call(() => append(redis, sign, eventFields(event))),
    events: (sign, count) =>
      call(() => {
        const entries = redis.find(clusterKey(sign, 'events'), 'stream')?.entries ?? [];
        return entries.slice(-count).map(({ at, fields }) => storedEvent(at, fields));
      }),
    putRequest: (sign, request, ttlMs) =>
      call(() => {
        const { fields } = redis.need(clusterKey(sign, 'requests'), 'hash');
        for (const [id, held] of fields) if (liveRequest(redis, held) === null) fields.delete(id);
        const at = redis.now() * 1000 + fields.size;
        fields.set(request.id, `${at} ${at + Math.round(ttlMs) * 1000} ${serialise('request', request)}`);
        wake(sign, 'request');
      }),
    withdraw: (sign, id) =>
      call(() => redis.find(clusterKey(sign, 'requests'), 'hash')?.fields.delete(id) ?? false),
    answer: (sign, answer) =>
      call(() => {
        redis.setString(answerKey(sign, answer.id), serialise('answer', answer), ANSWER_TTL_SECONDS * 1000);
        redis.need(clusterKey(sign, 'requests'), 'hash').fields.delete(answer.id);
        wake(sign, 'request');
      }),
    readAnswer: (sign, id) =>
      call(() => {
        const answer = parseDocument(Answer, 'answer', textOf(redis, answerKey(sign, id)), () => {});
        return answer?.id === id ? answer : null;
      }),
    watch: async (signs, onHint, signal, topic) => {
      if (!signal.aborted) watch(redis, { signs, onHint, topic }, signal);
    },
    close: async () => {
      closed = true;
    },
    flush: () => redis.restartEmpty(),
    snapshot: () => redis.snapshot(),
    restore: (snapshot) => redis.restore(snapshot),
    failNext(n, when = 'before') {
      failures = n;
      failure = when;
    },
  };
}

function applyCommit(redis: MemoryRedis, commit: Commit): 'committed' | 'stale' | 'withdrawn' {
  const { text, ...all } = change(commit);
  const key = (name: Parameters<typeof clusterKey>[1]) => clusterKey(all.uniqsign, name);
  if (textOf(redis, key('topology')).text !== commit.basedOn) return 'stale';
  if (all.takes !== undefined) {
    const held = redis.find(key('requests'), 'hash')?.fields.get(all.takes);
    if (held === undefined || liveRequest(redis, held) === null) return 'withdrawn';
  }
  redis.setString(key('topology'), text);
  const { fields: requests } = redis.need(key('requests'), 'hash');
  if (all.takes !== undefined) requests.delete(all.takes);
  if (all.legacy !== undefined) writePair(redis, all.uniqsign, all.legacy);
  if (all.lease !== undefined) writeLease(redis, key('lease'), all.lease);
  for (const event of all.events) append(redis, all.uniqsign, event);
  for (const [answer, id, body] of all.answers) {
    redis.setString(answer, body, all.answerTtl * 1000);
    requests.delete(id);
  }
  redis.need(CLUSTERS, 'set').members.add(all.uniqsign);
  if (all.announce !== undefined) redis.publish(...all.announce);
  redis.publish(all.wake, 'topology');
  return 'committed';
}

function writePair(redis: MemoryRedis, sign: string, pair: LegacyPair): void {
  setFields(redis, clusterKey(sign, 'mode'), { active: pair.active, passive: pair.passive });
  const { active: host, passive, generation, since } = pair;
  setFields(redis, clusterKey(sign, 'master'), { host, passive, generation, phase: 'stable', since });
}

function repair(redis: MemoryRedis, sign: string, legacy: LegacyKeys): readonly string[] {
  const wanted = repairs(legacy);
  const repaired: string[] = [];
  const hash = (name: 'mode' | 'master', fields: Readonly<Record<string, unknown>>) => {
    const key = clusterKey(sign, name);
    const given = Object.entries(fields).filter(
      (field): field is [string, string] => typeof field[1] === 'string',
    );
    if (given.every(([field, value]) => shortField(redis, key, field) === value)) return;
    setFields(redis, key, Object.fromEntries(given));
    repaired.push(key);
  };
  if (pairStillTrue(redis, sign, legacy)) {
    const { active, passive, host, generation, since } = wanted;
    if (active !== undefined) hash('mode', { active, passive });
    const phase = generation === undefined ? undefined : 'stable';
    if (host !== undefined) hash('master', { host, passive, generation, phase, since });
  }
  for (const name of ['servicemode', 'primaryhost', 'secondaryhost'] as const) {
    const value = wanted[name];
    const key = clusterKey(sign, name);
    if (typeof value !== 'string' || shortString(redis, key) === value) continue;
    redis.setString(key, value);
    repaired.push(key);
  }
  if (repairMembers(redis, clusterKey(sign, 'members'), legacy.members))
    repaired.push(clusterKey(sign, 'members'));
  const { members: clusters } = redis.need(CLUSTERS, 'set');
  if (!clusters.has(sign)) repaired.push(CLUSTERS);
  clusters.add(sign);
  return repaired;
}

function repairMembers(redis: MemoryRedis, key: string, members: readonly string[]): boolean {
  const found = redis.find(key, 'set')?.members;
  if (members.length === 0) return false;
  if (found !== undefined && found.size === members.length && members.every((m) => found.has(m)))
    return false;
  redis.remove(key);
  for (const member of members) redis.need(key, 'set').members.add(member);
  return true;
}

function pairStillTrue(redis: MemoryRedis, sign: string, wanted: LegacyKeys): boolean {
  if (wanted.masterGeneration === null) return true;
  const text = textOf(redis, clusterKey(sign, 'topology'));
  const topology = parseDocument(Topology, 'topology', text, () => {});
  return topology?.generation === Number(wanted.masterGeneration) && topology.writer === wanted.masterHost;
}

function readRaw(redis: MemoryRedis, sign: string): RawCluster {
  const key = (name: Parameters<typeof clusterKey>[1]) => clusterKey(sign, name);
  const reporters = collection(redis, key('reporters'), 'set', LIMIT_REPORTERS);
  const requests = collection(redis, key('requests'), 'hash', LIMIT_REQUESTS);
  const names = [...(redis.find(key('reporters'), 'set')?.members ?? [])];
  const held = [...(redis.find(key('requests'), 'hash')?.fields ?? [])];
  return {
    incarnation: redis.incarnation(),
    topology: textOf(redis, key('topology')),
    reports: (reporters === '' ? names : [])
      .filter((name) => /^(?:facts|agent|sidecar)-/.test(name) && name.length <= SHORT)
      .map((name) => ({ name, ...textOf(redis, prefix(sign) + name) }))
      .filter(({ text, why }) => text !== null || why !== ''),
    requests: (requests === '' ? held : []).flatMap(([id, text]) => rawRequest(redis, id, text)),
    requestsWhy: requests,
    reportsWhy: reporters,
    legacy: {
      active: shortField(redis, key('mode'), 'active'),
      passive: shortField(redis, key('mode'), 'passive'),
      masterHost: shortField(redis, key('master'), 'host'),
      masterGeneration: shortField(redis, key('master'), 'generation'),
      masterSince: shortField(redis, key('master'), 'since'),
      servicemode: shortString(redis, key('servicemode')),
      primaryhost: shortString(redis, key('primaryhost')),
      secondaryhost: shortString(redis, key('secondaryhost')),
      members: [...(redis.find(key('members'), 'set')?.members ?? [])],
    },
    lease: rawLease(redis, key('lease')),
    leader: rawLeader(redis, key('leader')),
    redisNowMs: Math.floor(redis.now()),
  };
}

function rawRequest(redis: MemoryRedis, id: string, held: string): RawCluster['requests'] {
  if (id.length > SHORT) return [{ id: '?', storedAt: '0', text: null, why: 'has a name longer than an id' }];
  if (Buffer.byteLength(held) > 65_536)
    return [{ id, storedAt: '0', text: null, why: 'is longer than 64 kB' }];
  if (!/^\d+ \d+ /.test(held)) return [{ id, storedAt: '0', text: null, why: 'is not a request' }];
  const live = liveRequest(redis, held);
  return live === null ? [] : [{ id, ...live, why: '' }];
}

function liveRequest(redis: MemoryRedis, held: string): { text: string; storedAt: string } | null {
  const [, storedAt = '', expires = '', text = ''] = /^(\d+) (\d+) (.*)$/s.exec(held) ?? [];
  const now = redis.now() * 1000 + 999;
  return storedAt !== '' && now >= Number(storedAt) && now - 999 < Number(expires)
    ? { text, storedAt }
    : null;
}

function collection(redis: MemoryRedis, key: string, kind: 'set' | 'hash', limit: number): string {
  const found = redis.kindOf(key);
  if (found !== kind && found !== 'none') return 'has a wrong type';
  const size = redis.find(key, 'set')?.members.size ?? redis.find(key, 'hash')?.fields.size ?? 0;
  return size > limit ? 'is too large' : '';
}

function putReport(
  redis: MemoryRedis,
  sign: string,
  kind: ReportKind,
  document: { readonly id: string },
): void {
  const key = reportKey(sign, kind, document.id);
  redis.setString(key, serialise(key, document), REPORT_TTL_SECONDS * 1000);
  const { members } = redis.need(clusterKey(sign, 'reporters'), 'set');
  members.add(reportName(kind, document.id));
  for (const name of members) if (redis.kindOf(prefix(sign) + name) === 'none') members.delete(name);
  redis.publish(wakeChannel(sign), hintOf(kind));
}

function append(redis: MemoryRedis, sign: string, fields: readonly string[]): void {
  const { entries } = redis.need(clusterKey(sign, 'events'), 'stream');
  const ms = Math.floor(redis.now());
  const same = entries.filter((entry) => entry.at.startsWith(`${ms}-`)).length;
  entries.push({ at: `${ms}-${same}`, fields });
  if (entries.length > LIMIT_EVENTS) entries.shift();
}

function checks(redis: MemoryRedis, sign: string, addresses: readonly string[]) {
  const found = new Map<string, LegacyCheck>();
  for (const address of addresses) {
    const fields = redis.find(checkKey(sign, address), 'hash')?.fields;
    const check = fields === undefined ? null : parseCheck(CHECK_FIELDS.map((name) => fields.get(name)));
    if (check !== null) found.set(address, check);
  }
  return found;
}

function watch(
  redis: MemoryRedis,
  watcher: {
    readonly signs: readonly string[];
    readonly onHint: (uniqsign: string, hint: Hint) => void;
    readonly topic: string | undefined;
  },
  signal: AbortSignal,
): void {
  const { signs, onHint, topic } = watcher;
  const channels = new Map(signs.map((sign) => [wakeChannel(sign), sign]));
  const stops = [
    redis.subscribe((channel, text) => {
      const sign = channels.get(channel);
      if (sign !== undefined && /^(?:topology|facts|report|request)$/.test(text)) onHint(sign, text as Hint);
      const announced = channel === topic ? announcedCluster(text) : null;
      if (announced !== null && signs.includes(announced)) onHint(announced, 'announced');
    }),
    redis.onRestart(() => {
      for (const sign of signs) onHint(sign, 'reconnected');
    }),
  ];
  signal.addEventListener('abort', () => stops.forEach((stop) => void stop()), { once: true });
}

function textOf(redis: MemoryRedis, key: string): Stored {
  const found = redis.find(key, 'string');
  if (found !== null) return stored(found.text);
  return { text: null, why: redis.kindOf(key) === 'none' ? '' : 'has a wrong type' };
}

function setFields(redis: MemoryRedis, key: string, fields: Readonly<Record<string, string>>): void {
  const hash = redis.need(key, 'hash');
  for (const [name, value] of Object.entries(fields)) hash.fields.set(name, value);
}

function shortField(redis: MemoryRedis, key: string, name: string): string | null {
  const value = redis.find(key, 'hash')?.fields.get(name);
  return value === undefined || Buffer.byteLength(value) > SHORT ? null : value;
}

function shortString(redis: MemoryRedis, key: string): string | null {
  const text = redis.find(key, 'string')?.text;
  return text === undefined || text === '' || Buffer.byteLength(text) > SHORT ? null : text;
}
