import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import { explain } from '../../../src/core/explain.ts';
import type { Topology } from '../../../src/core/model.ts';
import { A, B, refused, silent, situation, stable, word, writerDead } from '../../support/world.ts';

const closing = (over: Partial<Topology> = {}) =>
  stable({ phase: 'closing', kind: 'failover', writer: null, from: A, to: B, generation: 43, ...over });

describe('an explanation', () => {
  it('says the same as the decision, with every rule that was asked before it', () => {
    const s = writerDead(refused(900));
    const told = explain(s);
    expect(told).toMatchObject({ rule: decide(s).rule, says: decide(s).says, generation: 42, writer: A });
    expect(told.change).toBe(`generation 43, closing: failover from ${A} to ${B}`);
    const names = told.passed.map(({ name }) => name);
    expect(names).toContain('reopen the writer that restarted closed');
    expect(names).not.toContain('carry out a switchover');
    expect(told.closed).toEqual(['without a topology', 'during a handover', 'when halted']);
  });

  it('has a reason for every rule', () => {
    for (const s of [situation(), situation({ topology: null }), situation({ topology: closing() })]) {
      for (const { when } of explain(s).passed) expect(when.length).toBeGreaterThan(10);
    }
  });

  it('is calm about a calm cluster', () => {
    expect(explain(situation())).toMatchObject({ rule: 'nothing to do', change: null, gates: null });
  });

  it('names what each gate still waits for, all six', () => {
    const s = writerDead(silent(4000), { topology: closing(), words: { [B]: word({}) } });
    const { gates } = explain(s);
    expect(gates).toMatchObject({ from: A, proof: null });
    const all = gates?.waitsFor.join('\n') ?? '';
    for (const letter of ['a', 'b', 'c', 'd', 'e', 'f']) expect(all).toContain(`(${letter})`);
    expect(all).toContain('the cut by sidecar proxy1');
  });

  it('names the gate that holds', () => {
    const s = situation({ topology: closing(), words: { [A]: word({ generation: 43 }), [B]: word({}) } });
    expect(explain(s).gates).toEqual({ from: A, proof: 'a', waitsFor: [] });
  });
});
