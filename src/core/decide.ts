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
import { forcedRules } from './rules/forced.ts';
import { haltedRules } from './rules/halted.ts';
import { handoverRules } from './rules/handover.ts';
import { lostRules, recoveryRules } from './rules/recovery.ts';
import { requestRules } from './rules/requests.ts';
import { stableRules } from './rules/stable.ts';
import type { Situation } from './situation.ts';

/** An outcome and the rule it came from. */
export interface Decision extends Outcome {
  readonly rule: string;
}

/** Rules that belong together. */
export interface Chapter {
  /** For people: when they can speak at all. */
  readonly title: string;
  readonly isOpen: (s: Situation) => boolean;
  readonly rules: readonly Rule[];
}

/** Every rule, in the order in which they are asked. */
const chapters: readonly Chapter[] = [
  {
    title: 'without a topology',
    isOpen: (s) => s.topology === null,
    rules: [...forcedRules, ...lostRules, ...bootstrapRules],
  },
  { title: 'in every phase', isOpen: (s) => s.topology !== null, rules: requestRules },
  {
    title: 'after redis was restarted',
    isOpen: (s) => s.topology !== null,
    rules: recoveryRules,
  },
  {
    title: 'during a handover',
    isOpen: (s) => s.topology?.phase === 'closing' || s.topology?.phase === 'opening',
    rules: handoverRules,
  },
  { title: 'when halted', isOpen: (s) => s.topology?.phase === 'halted', rules: haltedRules },
  { title: 'when stable', isOpen: (s) => s.topology?.phase === 'stable', rules: stableRules },
];

const NOTHING: Decision = { rule: 'nothing to do', says: 'all is well' };

/** The decision for this situation and the rule that made it. */
export function decide(s: Situation): Decision {
  return trace(s).decision;
}

/** A decision with everything that was asked before it and had nothing to say. */
export interface Trace {
  readonly decision: Decision;
  readonly passed: readonly { readonly chapter: Chapter; readonly rules: readonly Rule[] }[];
}

/** The same decision, told from the beginning. */
export function trace(s: Situation): Trace {
  const passed: { readonly chapter: Chapter; readonly rules: readonly Rule[] }[] = [];
  for (const chapter of chapters) {
    const silent: Rule[] = [];
    for (const rule of chapter.rules) {
      const outcome = rule.decide(s);
      if (outcome !== null) {
        return {
          decision: { rule: rule.name, ...outcome },
          passed: [...passed, { chapter, rules: silent }],
        };
      }
      silent.push(rule);
    }
    passed.push({ chapter, rules: silent });
  }
  return { decision: NOTHING, passed };
}
