/**
 * Without a topology nobody opens a lone read-only member, nor one of two that each hold what the other lacks: a
 * person must say so, and is the only one who can.
 */
import { healthOf } from '../gates.ts';
import type { Request } from '../model.ts';
import { begin, type Outcome, type Rule } from '../outcome.ts';
import type { Situation } from '../situation.ts';
import { refuse } from './answers.ts';
import { blank, SETTLE_MS } from './bootstrap.ts';
import { inAddition, vouchedBy } from './failover.ts';
import { holdsAllOf } from './failover-pair.ts';

export const forcedRules: readonly Rule[] = [
  {
    name: 'open the member a person names',
    when: 'mmm-control asks for a failover, with --force or --accept-loss',
    decide: openNamed,
  },
];

function openNamed(s: Situation): Outcome | null {
  const request = s.requests.find((r) => r.verb === 'failover');
  if (s.topology !== null || request === undefined || s.watchedMs < SETTLE_MS) return null;
  const { masters } = s.cluster;
  if (masters.some((a) => healthOf(s, a).status === 'unknown')) return null;
  const open = masters.filter((a) => healthOf(s, a).look?.readOnly === false);
  if (open.length > 0)
    return refuse(
      null,
      request,
      `${open.join(' and ')} takes writes and is adopted: nothing is to be forced`,
    );
  const chosen = choose(s, request);
  if ('why' in chosen) return refuse(null, request, chosen.why);
  const { to } = chosen;
  const vouched = vouchedBy(request);
  const reason = `asked by ${request.by}${inAddition(vouched)}`;
  const asked = { id: request.id, verb: request.verb, by: request.by };
  // As in any failover: what was received is applied first, and nothing flows between the two until they are compared.
  const from = masters.find((a) => a !== to) ?? null;
  const handover = { kind: 'failover', from, to, reason, request: asked, vouched } as const;
  const change = begin(s, blank(s, 'failover', reason), handover);
  return { says: `${to} is opened: ${reason}`, alarm: true, change };
}

function choose(s: Situation, request: Request): { readonly to: string } | { readonly why: string } {
  const { masters } = s.cluster;
  const seen = masters.filter((a) => healthOf(s, a).look !== null);
  const away = masters.filter((a) => healthOf(s, a).look === null);
  const to = request.to ?? (seen.length === 1 ? seen[0] : undefined);
  if (to === undefined) return { why: `which one? Say --to with one of: ${masters.join(', ')}` };
  if (!seen.includes(to)) return { why: `${to} does not answer: ${healthOf(s, to).reason}` };
  if (!s.agents.has(to)) return { why: `no agent has reported on ${to} for 3 s: is mmm-agent running?` };
  if (away.length > 0 && !request.force) {
    return {
      why: `${away.join(' and ')} cannot be read and may be open, or hold more: when it is surely off, say --force`,
    };
  }
  const lost = seen.filter((other) => other !== to && !holdsAllOf(s, to, other));
  if (lost.length > 0 && !request.acceptLoss) {
    return {
      why: `${lost.join(' and ')} holds transactions that ${to} lacks: to do without them, say --accept-loss`,
    };
  }
  return { to };
}
