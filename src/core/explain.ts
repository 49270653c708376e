/** Why identify does what it does now: the same rules, asked about what Redis holds, with everything they said. */
import { trace } from './decide.ts';
import { gate } from './gates.ts';
import type { Proof, Topology } from './model.ts';
import type { Situation } from './situation.ts';

export interface Explanation {
  readonly tag: string;
  readonly uniqsign: string;
  readonly generation: number | null;
  readonly phase: Topology['phase'] | null;
  readonly writer: string | null;
  /** The rule that decides, and what it says. */
  readonly rule: string;
  readonly says: string;
  /** What it changes, in words; null: nothing. */
  readonly change: string | null;
  /** Rules that were asked before and had nothing to say, in their order. */
  readonly passed: readonly { readonly name: string; readonly when: string }[];
  /** Groups of rules that cannot speak in this phase. */
  readonly closed: readonly string[];
  /** null: nobody has to be closed now. */
  readonly gates: {
    readonly from: string;
    readonly proof: Proof | null;
    readonly waitsFor: readonly string[];
  } | null;
}

/** Repeats the decision for this situation. */
export function explain(s: Situation): Explanation {
  const { decision, passed } = trace(s);
  const t = s.topology;
  return {
    tag: s.cluster.tag,
    uniqsign: s.cluster.uniqsign,
    generation: t?.generation ?? null,
    phase: t?.phase ?? null,
    writer: t?.writer ?? null,
    rule: decision.rule,
    says: decision.says,
    change: decision.change === undefined ? null : inWords(decision.change.next),
    passed: passed
      .filter(({ chapter }) => chapter.isOpen(s))
      .flatMap(({ rules }) => rules.map(({ name, when }) => ({ name, when }))),
    closed: passed.filter(({ chapter }) => !chapter.isOpen(s)).map(({ chapter }) => chapter.title),
    gates: t?.phase === 'closing' ? gates(s, t) : null,
  };
}

function inWords({ generation, phase, kind, from, to }: Topology): string {
  const way = [from === null ? '' : `from ${from}`, to === null ? '' : `to ${to}`].filter(
    (part) => part !== '',
  );
  return `generation ${generation}, ${phase}${phase === 'stable' ? '' : `: ${[kind, ...way].join(' ')}`}`;
}

function gates(s: Situation, t: Topology): Explanation['gates'] {
  const from = t.kind === 'bootstrap' ? 'every other member' : t.from;
  if (from === null || from === t.to) return null;
  const found = gate(s, t);
  if ('proof' in found) return { from, proof: found.proof, waitsFor: [] };
  const named = (letter: string) => found.waitsFor.some((text) => text.startsWith(`(${letter})`));
  const never = Object.entries(whyNever(s, t)).filter(([letter]) => !named(letter));
  return {
    from,
    proof: null,
    waitsFor: [...found.waitsFor, ...never.map(([letter, why]) => `(${letter}) not here: ${why}`)].sort(),
  };
}

/** Gates that say nothing of what they wait for cannot hold as things are. */
function whyNever(s: Situation, t: Topology): Readonly<Record<string, string>> {
  const { fencing } = s.cluster.policy;
  const notYet = `only once ${t.from} is dead for the monitors`;
  const strict = 'fencing=strict does not accept it';
  const cut = fencing === 'strict' ? strict : notYet;
  const routed = fencing === 'routed' && t.routedBySidecars;
  return {
    c: 'no lease that ends by itself was held',
    d: 'no fence_cmd is configured',
    e: cut,
    f: routed ? 'fencing=routed accepts it only where no sidecar was ever registered' : cut,
  };
}
