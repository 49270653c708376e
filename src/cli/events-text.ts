import { type Chapter, type TimedEvent, timeline } from '../core/timeline.ts';
import { localTime, printable } from './print.ts';

/** The story of a cluster: one paragraph per handover, with what each step took. */
export function eventsText(tag: string, events: readonly TimedEvent[]): string {
  const told = timeline(events).flatMap(chapterLines);
  return `${[`[${tag}]`, ...(told.length === 0 ? ['  nothing has happened yet'] : told)].join('\n')}\n\n`;
}

function chapterLines({ startedEpochMs, generation, events, handoverMs }: Chapter): string[] {
  const first = events[0]?.event;
  if (first === undefined) return [];
  const head = `${localTime(startedEpochMs)}  generation ${generation}  ${headline(first)}`;
  const steps = events.map(
    ({ sinceMs, event }) => `    ${`+${sinceMs} ms`.padEnd(12)}${step(event, event.reason === first.reason)}`,
  );
  const total = handoverMs === null ? [] : [`    ${'='.padEnd(12)}from closing to open: ${handoverMs} ms`];
  return [`  ${head}`, ...steps, ...total];
}

function headline({ kind, from, to, reason }: TimedEvent): string {
  const way = from !== '' && to !== '' ? `${from} -> ${to}` : `${from}${to}`;
  return [printable(kind), printable(way), reason === '' ? '' : `(${printable(reason)})`]
    .filter((part) => part !== '')
    .join(' ');
}

/** The headline has told the first event's reason. */
function step({ phase, proof, reason, loss, took, by }: TimedEvent, isTold: boolean): string {
  const parts = [
    took === '' || took === '0' ? '' : `took ${took} ms`,
    proof === '' ? '' : `proof (${proof})`,
    isTold ? '' : reason,
    loss === '' ? '' : `loss: ${loss}`,
    by === '' ? '' : `by ${by}`,
  ];
  const told = parts.filter((part) => part !== '').map(printable);
  return `${printable(phase).padEnd(9)}${told.join(', ')}`;
}
