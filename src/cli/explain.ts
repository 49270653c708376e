/** `mmm-status explain`: which rule decides now, and why none of those before it does. */
import type { MmmConfig } from '../config/types.ts';
import { type Explanation, explain } from '../core/explain.ts';
import { whyNobodyLeads } from '../core/leading.ts';
import type { Leader } from '../core/model.ts';
import { HubError, UsageError } from '../errors.ts';
import type { Hub } from '../ports.ts';
import { lookClosely } from './look-closely.ts';
import type { Context } from './main.ts';
import { printable } from './print.ts';

const UNKNOWN = 3;

interface Told extends Explanation {
  readonly leader: Leader | null;
  /** How long was watched before this was said. */
  readonly watchedMs: number;
  readonly complaints: readonly string[];
}

/** Prints it for every cluster; resolves with the exit code. */
export async function showExplanation(hub: Hub, config: MmmConfig, context: Context): Promise<number> {
  if (context.options.watch === true) throw new UsageError('--watch does not go with explain');
  try {
    const all = await Promise.all(
      config.clusters.map(async (cluster): Promise<Told> => {
        const { situation, state, watchedMs } = await lookClosely(hub, cluster);
        const { leader, complaints } = state;
        return { ...explain(situation), leader, watchedMs: Math.round(watchedMs), complaints };
      }),
    );
    const isJson = context.options.json === true;
    process.stdout.write(
      isJson ? `${JSON.stringify({ clusters: all }, null, 2)}\n` : all.map(explanationText).join(''),
    );
    return 0;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    process.stderr.write(`mmm-status: ${error.message}\n`);
    return UNKNOWN;
  }
}

function explanationText(told: Told): string {
  const lines = [
    `[${told.tag}] ${heading(told)}`,
    `  ${leading(told.leader)}`,
    ...told.complaints.map((complaint) => `  note: ${printable(complaint)}`),
    `  decides: ${told.rule}`,
    ...(isListed(told) ? [] : [`    ${printable(told.says)}`]),
    ...(told.change === null ? [] : [`    it leads to ${printable(told.change)}`]),
    ...gates(told),
    ...passed(told),
    `  watched for ${(told.watchedMs / 1000).toFixed(1)} s; the stopwatches of mmm-identify may have run longer, or been started anew`,
  ];
  return `${lines.join('\n')}\n\n`;
}

/** What it says is the list of gates that comes next. */
function isListed({ gates: found, says }: Told): boolean {
  return found?.waitsFor.some((wait) => says.includes(wait)) ?? false;
}

function heading({ generation, phase, writer }: Told): string {
  if (generation === null) return 'no topology: nothing was decided yet, or Redis has lost it';
  return `generation ${generation}, ${phase}, ${writer === null ? 'nobody writes' : `writer ${writer}`}`;
}

function leading(leader: Leader | null): string {
  const why = whyNobodyLeads(leader);
  if (why !== null) return `${printable(why)} This is what it would decide.`;
  return `mmm-identify ${printable(leader?.id ?? '')} leads`;
}

function gates({ gates: found }: Told): readonly string[] {
  if (found === null) return [];
  if (found.proof !== null) return [`  proof that ${found.from} is closed: (${found.proof})`];
  return [
    `  no proof yet that ${found.from} is closed. Any of these would do:`,
    ...found.waitsFor.map((wait) => `    ${printable(wait)}`),
  ];
}

function passed({ passed: rules, closed }: Told): readonly string[] {
  return [
    ...(rules.length === 0 ? [] : ['  asked before it, and silent; each speaks only when']),
    ...rules.map(({ name, when }) => `    ${name}: ${when}`),
    ...(closed.length === 0 ? [] : [`  not their time: the rules ${closed.join(', ')}`]),
  ];
}
