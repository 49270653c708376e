/** One seed from beginning to end: a calm start, trouble, peace, and what must have come of it. */
import { makePeace, startChaos } from './chaos.ts';
import { CRASH_SETUP, type Crash, handOver } from './crashes.ts';
import { type Tally, Violation } from './ledger.ts';
import { expectNothingLost, whyNotHealed } from './peace.ts';
import { createRandom, type Random } from './random.ts';
import { drawSetup } from './setup.ts';
import { createSite, type Site } from './site.ts';

/** What to play: the seed's own trouble, or one handover with one crash in it. */
export interface Order {
  readonly seed: number;
  readonly story: boolean;
  /** Also what the programs log. */
  readonly talk: boolean;
  readonly crash: Crash | null;
}

export interface Played {
  readonly order: Order;
  readonly seed: number;
  /** Calls of the daemon that is to crash, until the handover was over. */
  readonly calls: number;
  readonly tally: Tally;
  readonly events: number;
  /** What was broken; null: nothing. */
  readonly violation: { readonly id: string; readonly what: string; readonly atMs: number } | null;
  readonly story: readonly string[];
}

const CALM_MS = 9000;
const TROUBLE_MS = 32_000;
/** Peace must have healed everything by then. */
const HEALED_MS = 60_000;
const LOOK_MS = 1000;
/** In so many seeds the writer dies at the end, and is replaced within that time. */
const REPLACED = 0.2;
const REPLACED_MS = 30_000;

export async function play(order: Order): Promise<Played> {
  const { seed, crash } = order;
  const random = createRandom(seed);
  const drawn = drawSetup(random);
  const setup = crash === null ? drawn : { ...drawn, ...CRASH_SETUP };
  const story: string[] = [];
  const tell = (text: string): void => {
    if (order.story) story.push(`${(site.engine.now() / 1000).toFixed(3).padStart(8)} ${text}`);
  };
  const site = createSite({ setup, random, tell, isTalkative: order.talk });
  tell(`seed ${seed}: ${JSON.stringify(setup)}`);
  let violation: Played['violation'] = null;
  let calls = 0;
  try {
    if (crash === null) await live(site, random);
    else calls = await handOver(site, crash);
  } catch (error) {
    const id = error instanceof Violation ? error.id : 'crash';
    const isOwn = error instanceof Violation || !(error instanceof Error);
    const what = isOwn ? String(error instanceof Error ? error.message : error) : String(error.stack);
    violation = { id, what, atMs: site.engine.now() };
    tell(`VIOLATION ${what}`);
  }
  for (const one of site.processes.values()) one.kill();
  const { tally } = site.ledger;
  return { order, seed, calls, tally, events: site.engine.events(), violation, story };
}

async function live(site: Site, random: Random): Promise<void> {
  const { engine, ledger } = site;
  await engine.run(CALM_MS, ledger.look);
  if (site.topology()?.phase !== 'stable') throw new Violation('I8', 'no writer in a calm site');
  site.isRough = site.setup.faults === 'all' && random.chance(0.7);
  startChaos(site, random, CALM_MS + TROUBLE_MS);
  await engine.run(CALM_MS + TROUBLE_MS, ledger.look);
  makePeace(site);
  let why: string | null = null;
  for (let ms = LOOK_MS; ms <= HEALED_MS; ms += LOOK_MS) {
    await engine.run(CALM_MS + TROUBLE_MS + ms, ledger.look);
    why = await whyNotHealed(site);
    if (why === null && ms >= 4 * LOOK_MS) break;
  }
  if (why !== null) throw new Violation('I8', `not healed ${HEALED_MS} ms after peace: ${why}`);
  expectNothingLost(site);
  if (random.chance(REPLACED)) await expectReplaced(site);
}

/** After all that the writer dies for good: a standby in good standing takes over. */
async function expectReplaced(site: Site): Promise<void> {
  const { engine, ledger, room } = site;
  const t = site.topology();
  const heir = t?.members.find((one) => one.role === 'standby' && one.state === 'online');
  if (t?.writer == null || heir === undefined || t.paused !== null) return;
  room.crash(t.writer, Number.POSITIVE_INFINITY);
  const untilMs = engine.now() + REPLACED_MS;
  while (engine.now() < untilMs) {
    await engine.run(engine.now() + LOOK_MS, ledger.look);
    if (site.topology()?.writer === heir.address && room.server(heir.address).writable) return;
  }
  throw new Violation('I8', `nobody took over from ${t.writer}: ${site.topology()?.reason}`);
}
