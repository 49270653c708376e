import { describe, expect, it } from 'vitest';
import type { Facts, Probe } from '../../../src/core/model.ts';
import { foldHealth } from '../../../src/core/situation.ts';
import { A, B, cluster, look } from '../../support/world.ts';

const seen = (status: Probe['status'], forMs = 1000): Probe => ({
  status,
  forMs,
  failures: status === 'up' ? 0 : 3,
  reason: status,
  look: status === 'up' ? look(A, B) : null,
});
const views = (...probes: readonly (Probe | null)[]): Facts[] =>
  probes.map((probe, i) => ({
    v: 1,
    id: `monitor${i}`,
    uniqsign: cluster.uniqsign,
    seq: 1,
    members: probe === null ? {} : { [A]: probe },
  }));

describe('what several monitors see of one member', () => {
  it.each<readonly [string, readonly (Probe | null)[], Probe['status'] | 'unknown']>([
    ['two refused, one gets an answer', [seen('refused'), seen('refused'), seen('up')], 'up'],
    [
      'two silent, one is alive but will not let us look',
      [seen('silent'), seen('silent'), seen('faulty')],
      'faulty',
    ],
    ['one against one', [seen('refused'), seen('up')], 'up'],
    ['two refused, one has not looked', [seen('refused'), seen('refused'), null], 'refused'],
    ['one refused, one has not looked', [seen('refused'), null], 'unknown'],
    ['one refused, two have not looked', [seen('refused'), null, null], 'unknown'],
    ['two refused, one silent', [seen('refused'), seen('refused'), seen('silent')], 'refused'],
    [
      'one refused, two silent: not refused for most',
      [seen('refused'), seen('silent'), seen('silent')],
      'silent',
    ],
    ['nobody reports', [], 'unknown'],
  ])('%s', (_, probes, expected) => {
    expect(foldHealth(A, views(...probes)).status).toBe(expected);
  });

  it('lasts as long as for the one that has seen it for the shortest time', () => {
    expect(foldHealth(A, views(seen('refused', 5000), seen('refused', 100))).forMs).toBe(100);
  });
});
