import type { ClusterConfig } from '../config/types.ts';
import type { Request } from '../core/model.ts';
import { HubError } from '../errors.ts';
import type { Hub } from '../ports.ts';
import { type AlarmClock, createAlarmClock } from './alarm-clock.ts';

/** What became of a request, in words for the operator. */
export interface Reply {
  readonly ok: boolean;
  readonly detail: string;
  readonly generation: number;
}

interface Asked {
  readonly hub: Hub;
  readonly cluster: ClusterConfig;
  readonly request: Request;
  readonly clock: AlarmClock;
  readonly stop: AbortSignal;
}

const POLL_MS = 100;
/** Redis may be away for a moment in the middle of a handover. */
const SLACK_MS = 10_000;

/**
 * Puts a request and waits for its answer. When nobody has begun with it after `timeoutMs`, or `stop` aborts, it
 * is withdrawn. One that was begun cannot be: it is waited for as long as a handover may take, or until `stop`
 * aborts, and goes on without us.
 */
export async function ask(
  hub: Hub,
  cluster: ClusterConfig,
  request: Request,
  options: { readonly timeoutMs: number; readonly stop: AbortSignal },
): Promise<Reply> {
  const { timeoutMs, stop } = options;
  const { uniqsign, policy } = cluster;
  const clock = createAlarmClock(stop);
  const asked: Asked = { hub, cluster, request, clock, stop };
  const unwatch = new AbortController();
  try {
    await hub.watch([uniqsign], clock.ring, unwatch.signal);
    const notPut = await put(asked, timeoutMs);
    if (notPut !== null) return notPut;
    const answer = await answerWithin(asked, timeoutMs);
    if (answer !== null) return answer;
    const withdrawn = await withdraw(asked, timeoutMs);
    if (withdrawn !== null) return withdrawn;
    const longestMs = policy.silenceMs + policy.catchupMs + policy.writePauseMs + SLACK_MS;
    const late = await answerWithin(asked, longestMs);
    if (late !== null) return late;
    return stop.aborted ? goesOn(request) : lost(request, longestMs);
  } finally {
    unwatch.abort();
  }
}

/** null when it is stored, or may be: then it is treated like a request that nobody answers. */
async function put(asked: Asked, timeoutMs: number): Promise<Reply | null> {
  const { hub, cluster, request } = asked;
  try {
    await hub.readTopology(cluster.uniqsign);
  } catch (error) {
    if (error instanceof HubError) return failed(`nothing was asked: ${error.message}`);
    throw error;
  }
  try {
    await hub.putRequest(cluster.uniqsign, request, timeoutMs);
    return null;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return (await tookBack(asked)) ? failed(`nothing was asked: ${error.message}`) : null;
  }
}

/**
 * Whether a request that got no answer is surely not in Redis. A Redis that was frozen may still store it after
 * it answered others, so it is looked at twice.
 */
async function tookBack({ hub, cluster, request, clock }: Asked): Promise<boolean> {
  try {
    await hub.withdraw(cluster.uniqsign, request.id);
    await clock.sleep(POLL_MS);
    await hub.withdraw(cluster.uniqsign, request.id);
    return true;
  } catch (error) {
    if (error instanceof HubError) return false;
    throw error;
  }
}

/** The answer, or null when there is none in time or `stop` aborts. */
async function answerWithin(asked: Asked, withinMs: number): Promise<Reply | null> {
  const { hub, cluster, request, clock, stop } = asked;
  const start = performance.now();
  for (;;) {
    const answer = await hub.readAnswer(cluster.uniqsign, request.id).catch(ifAway);
    if (answer !== null) return answer;
    const left = withinMs - (performance.now() - start);
    if (left <= 0 || stop.aborted) return null;
    await clock.sleep(Math.min(POLL_MS, left));
  }
}

/** null when it was begun already and must be waited for. */
async function withdraw(asked: Asked, timeoutMs: number): Promise<Reply | null> {
  const { hub, cluster, request, stop } = asked;
  const why = stop.aborted ? 'interrupted' : `nobody answered within ${timeoutMs / 1000} s`;
  try {
    if (await hub.withdraw(cluster.uniqsign, request.id)) {
      const hint = stop.aborted ? '' : ': is mmm-identify running?';
      return failed(`${why}${hint} The request was withdrawn and will not be carried out.`);
    }
    const answer = await hub.readAnswer(cluster.uniqsign, request.id);
    if (answer !== null) return answer;
    const topology = await hub.readTopology(cluster.uniqsign);
    if (topology?.request?.id === request.id) return null;
    return failed(`${why}. The request is gone from Redis (restarted?) and will not be carried out.`);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return failed(
      `${why}: ${error.message}. Unless it was begun already, the request has expired; see mmm-status.`,
    );
  }
}

function goesOn(request: Request): Reply {
  return failed(`interrupted: the ${request.verb} was begun and goes on, see mmm-status events`);
}

function lost(request: Request, ms: number): Reply {
  return failed(
    `${request.verb} was begun but has not ended within ${ms / 1000} s; see mmm-status and mmm-status events`,
  );
}

function failed(detail: string): Reply {
  return { ok: false, detail, generation: 0 };
}

function ifAway(error: unknown): null {
  if (error instanceof HubError) return null;
  throw error;
}
