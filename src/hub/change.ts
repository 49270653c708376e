import type { Event, Topology } from '../core/model.ts';
import type { Commit, LegacyKeys, StoredEvent } from '../ports.ts';
import { serialise } from './documents.ts';
import { answerKey, clusterKey, wakeChannel } from './keys.ts';

/** How long an answer waits to be read. */
export const ANSWER_TTL_SECONDS = 60;

/** A commit as `lua/commit.lua` takes it: the new text, and all that goes with it. */
export interface Change {
  readonly text: string;
  readonly uniqsign: string;
  readonly wake: string;
  readonly takes?: string;
  readonly legacy?: LegacyPair;
  readonly announce?: readonly [channel: string, message: string];
  readonly lease?: DueLease;
  readonly events: readonly (readonly string[])[];
  readonly answers: readonly (readonly [key: string, id: string, text: string])[];
  readonly answerTtl: number;
}

export interface LegacyPair {
  readonly active: string;
  readonly passive: string;
  readonly generation: string;
  readonly since: string;
}

/** Whose lease there must be after a commit; written anew when the stored one is another or of another process. */
export interface DueLease {
  readonly holder: string;
  readonly generation: string;
  readonly incarnation: string;
}

/** Everything a commit writes. Without a writer the ancestor's keys stay as they are and nothing is announced. */
export function change(commit: Commit): Change {
  const { next } = commit;
  const legacy = next.writer === null ? null : pair(commit, next);
  const lease = dueLease(next);
  return {
    text: serialise(clusterKey(next.uniqsign, 'topology'), next),
    uniqsign: next.uniqsign,
    wake: wakeChannel(next.uniqsign),
    ...(commit.takes === null ? {} : { takes: commit.takes }),
    ...(legacy === null ? {} : { legacy }),
    ...(legacy === null || commit.announceOn === null
      ? {}
      : {
          announce: [commit.announceOn, announcement(legacy.active, legacy.passive, next.uniqsign)] as const,
        }),
    ...(lease === null ? {} : { lease }),
    events: commit.events.map(eventFields),
    answers: commit.answers.map((answer) => {
      const key = answerKey(next.uniqsign, answer.id);
      return [key, answer.id, serialise(key, answer)] as const;
    }),
    answerTtl: ANSWER_TTL_SECONDS,
  };
}

/** The ancestor's message, byte for byte: agents and templates in the field match it with a regular expression. */
export function announcement(active: string, passive: string, uniqsign: string): string {
  return `active: ${active}, passive: ${passive}, uniqsign: ${uniqsign}`;
}

/** The cluster that one of the ancestor's messages is about; null when it is none. */
export function announcedCluster(message: string): string | null {
  return message.length > 1024 ? null : (ANNOUNCEMENT.exec(message)?.[1] ?? null);
}

const ANNOUNCEMENT = /^active: \S+, passive: \S+, uniqsign: ([A-Za-z0-9_.-]{1,64})$/;

const EVENT_FIELDS = [
  'kind',
  'generation',
  'phase',
  'from',
  'to',
  'proof',
  'reason',
  'loss',
  'took',
  'by',
] as const;

/** An event as a stream entry: names and values in turn, all strings. */
export function eventFields(event: Event): string[] {
  return EVENT_FIELDS.flatMap((name) => [name, String(event[name]).replace(/\p{Surrogate}/gu, '?')]);
}

/** A stream entry as an event; what is missing is empty. */
export function storedEvent(at: string, fields: readonly string[]): StoredEvent {
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2)
    found.set(fields[i] ?? '', (fields[i + 1] ?? '').slice(0, 4096));
  const get = (name: (typeof EVENT_FIELDS)[number]) => found.get(name) ?? '';
  const generation = Number(get('generation'));
  return {
    at,
    kind: get('kind'),
    generation: Number.isSafeInteger(generation) && generation >= 0 ? generation : 0,
    phase: get('phase'),
    from: get('from'),
    to: get('to'),
    proof: get('proof'),
    reason: get('reason'),
    loss: get('loss'),
    took: get('took'),
    by: get('by'),
  };
}

/** The ancestor's keys as `lua/repair.lua` takes them; null means: leave that key alone. */
export function repairs(wanted: LegacyKeys): Readonly<Record<string, string | readonly string[]>> {
  const fields: Record<string, string | readonly string[]> = { members: wanted.members };
  const put = (name: string, value: string | null) => {
    if (value !== null) fields[name] = value;
  };
  put('servicemode', wanted.servicemode);
  put('primaryhost', wanted.primaryhost);
  put('secondaryhost', wanted.secondaryhost);
  put('active', wanted.active);
  put('passive', wanted.passive);
  put('host', wanted.masterHost);
  put('generation', wanted.masterGeneration);
  put('since', wanted.masterSince);
  return fields;
}

/** While the old writer is being closed its lease stays to be seen: whether it was armed decides about its end. */
function dueLease({ phase, to, writer, generation, incarnation }: Topology): DueLease | null {
  const holder = phase === 'opening' ? to : phase === 'stable' ? writer : null;
  return holder === null ? null : { holder, generation: String(generation), incarnation };
}

function pair(commit: Commit, next: Topology): LegacyPair | null {
  if (commit.legacy === null) return null;
  return {
    active: commit.legacy.active,
    passive: commit.legacy.passive,
    generation: String(next.generation),
    since: String(Math.round(commit.legacy.sinceEpochMs)),
  };
}
