/**
 * The times of the writer's lease, all from its term L (`lease_ttl`).
 *
 * The holder counts its deadline from before it asked; whoever wants to take over counts from when it saw the
 * handover begin, or from the reply that gave it the promotion lock. Neither looks at the other's clock, so with
 * rates that differ by at most one percent W >= L (1 + rho) / (1 - rho) keeps them apart; W has a slack beyond that.
 */

export interface LeaseTimes {
  /** L: what one grant gives. */
  readonly termMs: number;
  /** How often another term is asked for. */
  readonly renewMs: number;
  /** Bound of one question to Redis or to a server. */
  readonly answerMs: number;
  /** F: the ladder that closes the server starts so long before the deadline, and is done by it. */
  readonly fenceMs: number;
  /** W: after so long a lease of unknown fate has surely ended. */
  readonly waitMs: number;
}

/** Clock rates of two machines differ by at most this. */
const RATE_ERROR = 0.01;
const ANSWER_MS = 400;

export function leaseTimes(termMs: number): LeaseTimes {
  return {
    termMs,
    renewMs: termMs / 8,
    answerMs: ANSWER_MS,
    fenceMs: termMs * 0.4,
    waitMs: termMs * 1.3,
  };
}

/** Why a term of this length cannot be kept safely, or null. */
export function whyUnsafe(termMs: number): string | null {
  const { renewMs, answerMs, fenceMs, waitMs } = leaseTimes(termMs);
  const slackMs = waitMs - (termMs * (1 + RATE_ERROR)) / (1 - RATE_ERROR);
  if (slackMs < answerMs) return `only ${Math.round(slackMs)} ms would keep two writers apart`;
  if (termMs - fenceMs - 2 * renewMs < answerMs)
    return 'one lost answer would already close a healthy writer';
  return null;
}

/** Name of the promotion lock on the members' servers; MySQL allows 64 characters. */
export function lockName(uniqsign: string): string {
  return `mmm-${uniqsign.slice(-60)}`;
}
