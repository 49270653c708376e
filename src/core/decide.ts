/**
 * What should happen next to a cluster: an ordered list of named rules, the first that speaks decides.
 *
 * A rule reads the situation and returns a sentence, and with it perhaps a change of the topology.
 * Nothing here does anything: identify commits the change by compare-and-set, agents and sidecars follow
 * it, and what they report is the next situation. Any daemon may die between any two lines; whoever
 * comes next finds the topology and goes on from there.
 */
import type { Outcome, Rule } from './outcome.ts';
import { bootstrapRules } from './rules/bootstrap.ts';
import { haltedRules } from './rules/halted.ts';
import { handoverRules } from './rules/handover.ts';
import { requestRules, stableRules } from './rules/stable.ts';
import type { Situation } from './situation.ts';

/** An outcome and the rule it came from. */
export interface Decision extends Outcome {
  readonly rule: string;
}

/** Every rule, in the order in which they are asked. */
const rules: readonly Rule[] = [
  ...bootstrapRules,
  ...requestRules,
  ...handoverRules,
  ...haltedRules,
  ...stableRules,
];

/** The decision for this situation and the rule that made it. */
export function decide(s: Situation): Decision {
  for (const rule of rules) {
    const outcome = rule.decide(s);
    if (outcome !== null) return { rule: rule.name, ...outcome };
  }
  return { rule: 'nothing to do', says: 'all is well' };
}
