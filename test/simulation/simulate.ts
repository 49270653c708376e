/** `npm run simulate`: plays seeds and says what came of it; exit 1 when an invariant was broken. */
import { parseArgs } from 'node:util';
import { type Crash, HANDOVERS } from './crashes.ts';
import { catchMutants } from './mutants.ts';
import type { Order, Played } from './play.ts';
import { playAll } from './pool.ts';
import { nameOf, summary, tellStory } from './report.ts';

const { values } = parseArgs({
  options: {
    /** Default 300; 600 for each planted bug. */
    seeds: { type: 'string' },
    /** With --seeds: the first one; alone: only this one, with its story. */
    seed: { type: 'string' },
    talk: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    crashes: { type: 'boolean', default: false },
    /** Only this one, as a failed run has named it, with its story. */
    crash: { type: 'string' },
    /** Every so many-th crash only. */
    every: { type: 'string', default: '1' },
  },
});

const first = Number(values.seed ?? 1);
const isReplay =
  values.crash !== undefined ||
  (values.seed !== undefined && !process.argv.some((word) => word.startsWith('--seeds')));

if (values.mutants || values.mutant !== undefined) {
  process.exitCode = (await catchMutants(values.mutant ?? null, Number(values.seeds ?? 600))) ? 0 : 1;
} else if (values.crash !== undefined) await simulate([oneCrash(values.crash)], 'crash');
else if (values.crashes) await simulate(await everyCrash(), 'crashes');
else await simulate(seeds(isReplay ? 1 : Number(values.seeds ?? 300)), 'seeds');

function seeds(count: number): Order[] {
  return Array.from({ length: count }, (_, n) => ({
    seed: first + n,
    story: isReplay,
    talk: values.talk,
    crash: null,
  }));
}

async function simulate(orders: readonly Order[], what: string): Promise<void> {
  const startedMs = performance.now();
  const played: Played[] = [];
  await playAll(orders, {
    onPlayed: (one) => {
      played.push({ ...one, story: isReplay ? one.story : [] });
      return 'go on';
    },
  });
  if (isReplay) console.log(played[0]?.story.join('\n'));
  console.log(summary(played, what, performance.now() - startedMs));
  const failed = played.filter(({ violation }) => violation !== null).sort((a, b) => a.seed - b.seed);
  for (const { order, violation } of failed.slice(0, 20)) {
    const at = ((violation?.atMs ?? 0) / 1000).toFixed(3);
    console.error(`${nameOf(order)}: ${violation?.what} (at ${at} s)`);
  }
  const [worst] = failed;
  if (worst === undefined) return;
  if (!isReplay) await tellStory(worst.order);
  process.exitCode = 1;
}

function oneCrash(text: string): Order {
  return { seed: first, story: true, talk: values.talk, crash: JSON.parse(text) };
}

/** Each daemon, before and after each call it makes in each handover. */
async function everyCrash(): Promise<Order[]> {
  const daemons = ['identifyM1', 'monitorM1', 'agentA', 'agentB', 'sidecarM1'];
  const order = (crash: Crash): Order => ({ seed: first, story: false, talk: false, crash });
  const counts = HANDOVERS.flatMap((handover) =>
    daemons.map((daemon) => order({ handover, daemon, call: null, when: 'before' })),
  );
  const orders: Order[] = [...counts];
  await playAll(counts, {
    onPlayed: ({ order: { crash }, calls }) => {
      if (crash === null) return 'go on';
      for (let call = 1; call <= calls; call += 1) {
        for (const when of ['before', 'after'] as const) orders.push(order({ ...crash, call, when }));
      }
      return 'go on';
    },
  });
  return orders.filter((_, n) => n % Number(values.every) === 0);
}
