/** How long clients wait when a writer changes, beside the least that is possible on this machine. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Floors, measureFloors } from './floor.ts';
import { type Measured, measureProduct } from './product.ts';
import { type Summary, summarize } from './statistics.ts';

interface Row {
  readonly name: string;
  readonly measured: Summary;
  readonly floor: Summary;
  readonly target: { readonly p50: number; readonly p99: number };
  /** How much longer than the gap the slowest client waited, at most; null where there are no clients. */
  readonly slowestClientBehindMs: number | null;
  readonly samples: readonly number[];
}

const { values } = parseArgs({
  options: { n: { type: 'string', default: '20' }, json: { type: 'boolean', default: false } },
});
const n = Number(values.n);
if (!Number.isInteger(n) || n < 1) {
  console.error(`--n needs a whole number above 0, not ${values.n}`);
  process.exit(2);
}

say(
  `${n} rounds without the daemons (the floor), then ${n} with them; about ${Math.ceil((n * 12) / 60)} minutes`,
);
const floors = await measureFloors(n);
say('floor measured');
const measured = await measureProduct(n, say);
const rows = toRows(measured, floors);
const machine = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
console.log(values.json ? JSON.stringify({ machine, rows }, null, 2) : table(rows));

function toRows(product: Measured, floor: Floors): readonly Row[] {
  const gaps = (all: readonly { readonly gapMs: number }[]) => all.map(({ gapMs }) => gapMs);
  const behind = (all: Measured['crash']) => Math.max(...all.map((gap) => gap.slowestClientMs - gap.gapMs));
  const row = (
    name: string,
    samples: readonly number[],
    least: readonly number[],
    p50: number,
    p99: number,
  ) => ({
    name,
    measured: summarize(samples),
    floor: summarize(least),
    target: { p50, p99 },
    samples,
  });
  const { crash, localCrash, switchover, routed } = product;
  return [
    {
      ...row(
        'writer killed (-9), local agent on its host: write gap',
        gaps(localCrash),
        gaps(floor.crash),
        60,
        200,
      ),
      slowestClientBehindMs: behind(localCrash),
    },
    {
      ...row('writer killed (-9), central agent: write gap', gaps(crash), gaps(floor.crash), 350, 700),
      slowestClientBehindMs: behind(crash),
    },
    {
      ...row('planned switchover under load: write gap', gaps(switchover), gaps(floor.switchover), 60, 150),
      slowestClientBehindMs: behind(switchover),
    },
    {
      ...row('PUBLISH -> verified through haproxy', routed, floor.routed, 10, 50),
      slowestClientBehindMs: null,
    },
  ];
}

function table(all: readonly Row[]): string {
  const head = ['ms', 'n', 'p50', 'p99', 'max', 'target p50', 'p99', 'floor p50', 'p99', 'max'];
  const lines = all.map(({ name, measured: seen, target, floor }) => [
    name,
    String(seen.n),
    ...[seen.p50, seen.p99, seen.max].map(ms),
    `${target.p50}${seen.p50 <= target.p50 ? '' : ' missed'}`,
    `${target.p99}${seen.p99 <= target.p99 ? '' : ' missed'}`,
    ...[floor.p50, floor.p99, floor.max].map(ms),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0)),
  );
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [head, ...lines].map(format).join('\n');
}

function ms(value: number): string {
  return value.toFixed(1);
}

/** Progress goes beside the result, which `--json` is piped from. */
function say(text: string): void {
  console.error(text);
}
