/**
 * What happened, told by handover: all events of one generation together, each with the time since the first
 * of them. Times are those of the event stream, so one clock measures a whole handover.
 */
import type { Event } from './model.ts';

/** An event with the id of its entry in the stream, `<epoch ms>-<n>`. */
export interface TimedEvent extends Event {
  readonly at: string;
}

export interface Chapter {
  readonly generation: number;
  readonly startedEpochMs: number;
  readonly events: readonly { readonly sinceMs: number; readonly event: TimedEvent }[];
  /** From closing the old writer to the new one being open; null when it did not come to that. */
  readonly handoverMs: number | null;
}

/** Chapters in the order of their first event; `events` newest last. */
export function timeline(events: readonly TimedEvent[]): readonly Chapter[] {
  const chapters: TimedEvent[][] = [];
  for (const event of events) {
    const last = chapters.at(-1);
    const first = last?.[0];
    if (last !== undefined && first?.generation === event.generation && continues(last, event))
      last.push(event);
    else chapters.push([event]);
  }
  return chapters.map(chapter);
}

/** Since when nobody writes: the first closing after the last stable event; null when that is not told. */
export function noWriterSince(events: readonly TimedEvent[]): number | null {
  const lastStable = events.findLastIndex(({ phase }) => phase === 'stable');
  const closing = events.slice(lastStable + 1).find(({ phase }) => phase === 'closing');
  return closing === undefined ? null : epochMs(closing.at);
}

/** Since when this generation is in this phase; null when that is not told. */
export function phaseSince(
  events: readonly TimedEvent[],
  t: { readonly generation: number; readonly phase: string },
): number | null {
  const first = events.find(({ generation, phase }) => generation === t.generation && phase === t.phase);
  return first === undefined ? null : epochMs(first.at);
}

/** Milliseconds since 1970 of a stream id. */
export function epochMs(at: string): number {
  const ms = Number(at.split('-')[0]);
  return Number.isFinite(ms) ? ms : 0;
}

/** After stable a generation's story is over; what is told later stands for itself. */
function continues(told: readonly TimedEvent[], next: TimedEvent): boolean {
  const { phase } = told.at(-1) ?? next;
  return phase !== 'stable' && phase !== '';
}

function chapter(events: readonly TimedEvent[]): Chapter {
  const started = epochMs(events[0]?.at ?? '0');
  const closing = events.find(({ phase }) => phase === 'closing');
  const stable = events.find(({ phase }) => phase === 'stable');
  const ended =
    closing === undefined || stable === undefined ? null : epochMs(stable.at) - epochMs(closing.at);
  return {
    generation: events[0]?.generation ?? 0,
    startedEpochMs: started,
    events: events.map((event) => ({ sinceMs: epochMs(event.at) - started, event })),
    handoverMs: ended,
  };
}
