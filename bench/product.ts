/** The same rows with the daemons doing the work, as installed commands with configuration files. */
import { eventually } from '../test/support/eventually.ts';
import { prepareTables } from '../test/support/holdings.ts';
import type { MariaServer } from '../test/support/mariadb.ts';
import { reclone } from '../test/support/reclone.ts';
import { type Stack, startStack } from '../test/support/stack.ts';
import { reaches } from './reaches.ts';
import { type Gap, gapUnderTraffic } from './traffic.ts';

export interface Measured {
  readonly crash: readonly Gap[];
  /** The same with an agent that sees the process of the server. */
  readonly localCrash: readonly Gap[];
  readonly switchover: readonly Gap[];
  /** From the arrival of PUBLISH to the new writer answering through haproxy, ms. */
  readonly routed: readonly number[];
}

/** Measures each row `n` times, on a site with a central agent and then on one with an agent beside its servers. */
export async function measureProduct(n: number, progress: (round: string) => void): Promise<Measured> {
  const central = await measureCentral(n, (round) => progress(`round ${round} of ${n}`));
  const localCrash = await measureLocal(n, (round) => progress(`round ${round} of ${n}, local agent`));
  return { ...central, localCrash };
}

async function measureLocal(n: number, progress: (round: number) => void): Promise<readonly Gap[]> {
  await using stack = await startStack({ tag: 'bench', beside: true });
  await prepareTables(await stack.writer());
  const crash: Gap[] = [];
  for (let round = 0; round < n; round += 1) {
    crash.push(await gapUnderTraffic(stack.haproxy.port, () => failOver(stack)));
    await rejoin(stack);
    progress(round + 1);
  }
  return crash;
}

async function measureCentral(
  n: number,
  progress: (round: number) => void,
): Promise<Omit<Measured, 'localCrash'>> {
  await using stack = await startStack({ tag: 'bench' });
  await prepareTables(await stack.writer());
  const crash: Gap[] = [];
  const switchover: Gap[] = [];
  const routed: number[] = [];
  for (let round = 0; round < n; round += 1) {
    switchover.push(await gapUnderTraffic(stack.haproxy.port, () => switchOver(stack)));
    routed.push(await switchAndRoute(stack));
    crash.push(await gapUnderTraffic(stack.haproxy.port, () => failOver(stack)));
    await rejoin(stack);
    progress(round + 1);
  }
  return { crash, switchover, routed };
}

async function failOver(stack: Stack): Promise<void> {
  const writer = await stack.writer();
  await writer.kill9();
  await stack.stable(stack.other(writer));
}

async function switchOver(stack: Stack): Promise<void> {
  const writer = await stack.writer();
  const { code, stdout, stderr } = await stack.control('switchover');
  if (code !== 0) throw new Error(`mmm-control switchover: exit ${code}\n${stdout}${stderr}`);
  await stack.stable(stack.other(writer));
  await stack.healthy();
}

/** A switchover without traffic: from the message to the first login that finds the new writer. */
async function switchAndRoute(stack: Stack): Promise<number> {
  const next = stack.other(await stack.writer());
  const subscriber = stack.redis.client.duplicate();
  await subscriber.subscribe('mmm-switch-channel');
  const routed = new Promise<number>((resolve, reject) => {
    subscriber.once('message', () => {
      const heardMs = performance.now();
      reaches(stack.haproxy.port, next.port).then(() => resolve(performance.now() - heardMs), reject);
    });
  });
  await switchOver(stack);
  const tookMs = await routed;
  subscriber.disconnect();
  return tookMs;
}

/** The killed server comes back; when it is diverged it is filled anew, as its operator would do. */
async function rejoin(stack: Stack): Promise<void> {
  const writer = await stack.writer();
  const old = stack.other(writer);
  await old.start();
  const state = await judged(stack, old);
  if (state === 'diverged') await reclone(old, writer);
  await stack.healthy(60_000);
}

async function judged(stack: Stack, server: MariaServer): Promise<string> {
  return eventually(
    'the returned server is judged',
    async () => {
      const { members } = await stack.stable();
      return members.find(({ address }) => address === server.address)?.state ?? 'unknown';
    },
    (state) => state === 'online' || state === 'diverged',
    { withinMs: 30_000 },
  );
}
