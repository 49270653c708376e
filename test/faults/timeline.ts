/** What happened when, from all who watched, to be printed with a row. */
import { pause } from '../support/eventually.ts';
import type { Turn } from '../support/observer.ts';
import type { TopologyView } from './questions.ts';

export interface Mark {
  readonly atMs: number;
  readonly text: string;
}

export interface TopologyWatch {
  readonly marks: readonly Mark[];
  /** Generations in which a member that was another one than before became the writer. */
  readonly changes: readonly { readonly atMs: number; readonly generation: number; readonly kind: string }[];
  stop(): Promise<void>;
}

const EVERY_MS = 10;

/** Notes every change of the topology document. */
export function watchTopology(read: () => Promise<TopologyView | null>): TopologyWatch {
  const marks: Mark[] = [];
  const changes: { atMs: number; generation: number; kind: string }[] = [];
  let stopped = false;
  let before = '';
  let writer: string | null = null;
  const loop = (async () => {
    while (!stopped) {
      const now = await read().catch(() => undefined);
      const text = now === undefined ? before : describe(now);
      if (text !== before) marks.push({ atMs: performance.now(), text });
      before = text;
      if (now?.phase === 'stable' && now.writer !== null && now.writer !== writer) {
        const { generation, kind } = now;
        if (writer !== null) changes.push({ atMs: performance.now(), generation, kind });
        writer = now.writer;
      }
      await pause(EVERY_MS);
    }
  })();
  const stop = () => {
    stopped = true;
    return loop;
  };
  return { marks, changes, stop };
}

function describe(now: TopologyView | null): string {
  if (now === null) return 'topology: none';
  const { generation, phase, kind, writer, proof } = now;
  const who = writer === null ? '' : ` writer ${writer}`;
  const states = now.members.map(({ state }) => state).join(', ');
  return `topology ${generation} ${phase} (${kind}${proof === null ? '' : `, proof ${proof}`})${who}; ${states}`;
}

/** What the samplers saw, as marks. */
export function marksOf(turns: readonly Turn[], names: readonly [string, string]): readonly Mark[] {
  return turns.map(({ atMs, server, seen }) => ({ atMs, text: `${names[server]} ${seen}` }));
}

/** One line for each mark, in ms since `zeroMs`. */
export function timeline(marks: readonly Mark[], zeroMs: number): string {
  return [...marks]
    .sort((x, y) => x.atMs - y.atMs)
    .map(({ atMs, text }) => `${String(Math.round(atMs - zeroMs)).padStart(8)} ms  ${text}`)
    .join('\n');
}
