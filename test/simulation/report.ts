/** What is printed of the seeds that were played. */
import type { Tally } from './ledger.ts';
import type { Order, Played } from './play.ts';
import { playAll } from './pool.ts';

export function summary(played: readonly Played[], what: string, tookMs: number): string {
  const sum = (name: keyof Tally): number => played.reduce((all, { tally }) => all + tally[name], 0);
  const events = played.reduce((all, one) => all + one.events, 0);
  const available = ((100 * sum('writableMs')) / sum('totalMs')).toFixed(1);
  const failed = played.filter(({ violation }) => violation !== null).length;
  return [
    `${played.length} ${what}, ${events} events, ${(tookMs / 1000).toFixed(1)} s:`,
    `${sum('generations')} generations, ${sum('openings')} openings, ${sum('closings')} closings,`,
    `${sum('acknowledged')} acknowledged writes, a writer for ${available} % of the time;`,
    `two writable servers where one is not promised: ${sum('bestEffort')},`,
    `for a moment after a standstill of a whole host: ${sum('thaws')};`,
    failed === 0 ? 'nothing was broken' : `${failed} failed`,
  ].join(' ');
}

/** The words that repeat it. */
export function nameOf({ seed, crash }: Order): string {
  return crash === null ? `--seed ${seed}` : `--crash '${JSON.stringify(crash)}'`;
}

/** Plays it again and prints what happened. */
export async function tellStory(order: Order): Promise<void> {
  await playAll([{ ...order, story: true }], {
    onPlayed: ({ story }) => {
      console.error(`\nthe story of npm run simulate -- ${nameOf(order)}:`);
      console.error(story.join('\n'));
      return 'enough';
    },
  });
}
