/**
 * A failover that a person asks for. The gates are those of any failover; only a pause and the cooldown do not count.
 *
 * A writer that lives is closed by its agent first, and then nothing need be lost: the other opens when it holds
 * everything, or the handover is undone. With `--accept-loss` it opens with what it has. With `--force` a person
 * vouches that the old writer is off, which counts only where nobody hears of it; and then a handover that is under
 * way, and stuck, gives way to this one.
 */
import { deathOf, healthOf, looksOff, proofMayCome, wordAt } from '../gates.ts';
import type { Request, Topology, Vouched } from '../model.ts';
import { answerTo, begin, type Outcome } from '../outcome.ts';
import { FRESH_MS, type Situation } from '../situation.ts';
import { refuse } from './answers.ts';
import { choosePair, isReached } from './failover-pair.ts';

export function failOver(s: Situation): Outcome | null {
  const t = s.topology;
  const request = s.requests.find((r) => r.verb === 'failover');
  if (t === null || request === undefined) return null;
  // A fresh identify has not heard everybody yet: it does not say no on that account.
  if (s.watchedMs < FRESH_MS) return null;
  // It is open already, and that only has to be told: then it is asked again, of a stable cluster.
  if (t.phase === 'opening' && t.to !== null && wordAt(s, t, t.to)?.did === 'opened') return null;
  const busy = whyBusy(t, request);
  if (busy !== null) return refuse(t, request, busy);
  const chosen = choosePair(s, t, request);
  if ('why' in chosen) return refuse(t, request, chosen.why);
  const { from, to } = chosen;
  const may = from === null ? 'yes' : closable(s, t, from, request);
  if (typeof may === 'object') return 'why' in may ? refuse(t, request, may.why) : { says: may.waits };
  const vouched = vouchedBy(request);
  const reason = `asked by ${request.by}${inAddition(vouched)}`;
  const asked = { id: request.id, verb: request.verb, by: request.by };
  const change = begin(s, t, { kind: 'failover', from, to, reason, request: asked, vouched });
  const says = `failover to ${to} ${reason}`;
  // Whoever waits for the handover that ends here is told.
  return { says, alarm: true, change: { ...change, answers: answerTo(t, false, `given up: ${says}`) } };
}

/** What a request answers for; null when nothing. */
export function vouchedBy({ by, force, acceptLoss }: Request): Vouched | null {
  return force || acceptLoss ? { by, closed: force, loss: acceptLoss } : null;
}

/** What is told of it in the reason. */
export function inAddition(vouched: Vouched | null): string {
  const parts = [
    ...(vouched?.closed ? ['who vouches that the old writer is off'] : []),
    ...(vouched?.loss ? ['who accepts any loss'] : []),
  ];
  return parts.length === 0 ? '' : `, ${parts.join(' and ')}`;
}

function whyBusy(t: Topology, request: Request): string | null {
  if (t.phase === 'stable' || t.phase === 'halted' || request.force) return null;
  const under = `a ${t.kind} is under way (generation ${t.generation}, ${t.phase})`;
  return `${under}: try again when it is stable or halted, or say --force and --to: whoever may be open is then closed by its agent, or must surely be off`;
}

/** Whether `from` can be closed, or proven closed: a handover that cannot end would be an outage of our making. */
function closable(
  s: Situation,
  t: Topology,
  from: string,
  { force }: Request,
): 'yes' | { readonly why: string } | { readonly waits: string } {
  const { status, reason, forMs } = healthOf(s, from);
  if (status === 'up' || status === 'faulty') {
    if (isReached(s, from)) return 'yes';
    const way = force ? 'switch it off first, --force does not close it' : 'switch it off and say --force';
    return {
      why: `${from} answers, and no agent reaches it that could close it: start mmm-agent, or ${way}`,
    };
  }
  if (force && looksOff(s, from)) return 'yes';
  if (deathOf(s, from) !== null) {
    if (proofMayCome(s, t, from)) return 'yes';
    return {
      why: `with fencing=${s.cluster.policy.fencing} nothing could prove that ${from} is closed: make sure that it is off, then say --force`,
    };
  }
  if (status === 'unknown') return { why: `no monitor reports on ${from}: is mmm-monitor running?` };
  if (forMs >= s.cluster.policy.freezeMs) {
    return {
      why: `${from} does not answer, but its standby received from it lately: it is not off, or went off just now; see mmm-status explain`,
    };
  }
  return {
    waits: `${from} is ${status} for ${Math.round(forMs)} ms (${reason}): waiting until it is certain that it is dead`,
  };
}
