import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Hazards, Link } from '../../../src/core/model.ts';
import { preflight } from '../../../src/core/preflight.ts';
import type { Situation } from '../../../src/core/situation.ts';
import { aRequest } from '../../support/documents.ts';
import { A, B, link, look, refused, situation, stable, up, word } from '../../support/world.ts';

const calm: Hazards = { longest: null, prepared: 0 };

function pair(hazards: Hazards | undefined, fromA: Partial<Link> = {}): Situation {
  return situation({
    health: new Map([
      [A, up(look(A, B, { readOnly: false, ...(hazards && { hazards }) }))],
      [B, up(look(B, A, { links: [link(A, fromA)] }))],
    ]),
    requests: [aRequest({ id: 'r1', to: null })],
  });
}

const refusals = (s: Situation) => preflight(s, stable(), A, null).refusals.join('; ');

describe('before a switchover', () => {
  it('nothing speaks against a calm pair', () => {
    expect(preflight(pair(calm), stable(), A, null)).toEqual({ from: A, to: B, refusals: [], remarks: [] });
    expect(decide(pair(calm)).change?.next).toMatchObject({ phase: 'closing', from: A, to: B });
  });

  it('a transaction that is open for longer than clients may wait forbids it, by name', () => {
    const longest = { session: 17, user: 'report', seconds: 3 };
    expect(refusals(pair({ ...calm, longest }))).toBe(
      `connection 17 of report on ${A} has had a transaction open for 3 s, more than write_pause_budget (2 s): let it end, or KILL 17`,
    );
    expect(refusals(pair({ ...calm, longest: { ...longest, seconds: 2 } }))).toBe('');
  });

  it('the real one is refused with the same words', () => {
    const s = pair({ ...calm, prepared: 2 });
    expect(decide(s).change).toBeUndefined();
    expect(decide(s).answers?.[0]).toMatchObject({ ok: false, detail: refusals(s) });
    expect(refusals(s)).toContain('2 XA transactions are prepared');
  });

  it('so do lag, unknown lag, a broken thread, a missing agent and a dead standby', () => {
    const cases: readonly [Situation, string][] = [
      [pair(calm, { lagSeconds: 31 }), 'more than max_lag (30 s)'],
      [pair(calm, { lagSeconds: null }), 'the lag of'],
      [pair(calm, { sql: 'no', sqlError: 'duplicate key' }), 'stopped with an error: duplicate key'],
      [pair(calm, { io: 'connecting' }), 'is not running'],
      [situation({ words: { [B]: word({}) } }), 'is mmm-agent running?'],
      [situation({ health: new Map([...pair(calm).health, [B, refused(900)]]) }), `${B} does not answer`],
    ];
    for (const [s, words] of cases) expect(refusals(s)).toContain(words);
  });

  it('what our account may not see does not forbid it, but is said', () => {
    const { refusals: none, remarks } = preflight(pair(undefined), stable(), A, null);
    expect(none).toEqual([]);
    expect(remarks.join()).toContain('cannot be seen (GRANT PROCESS)');
    expect(preflight(pair({ longest: null, prepared: null }), stable(), A, null).remarks.join()).toContain(
      'XA_RECOVER_ADMIN',
    );
  });
});
