import { expect, test } from 'vitest';
import { ancestorDirection, generationReported, isAncestors } from '../../../src/core/direction.ts';
import { refusal } from '../../../src/core/view.ts';
import { A, anAgentReport, aSidecarReport, aTopology, B, SIGN } from '../../support/documents.ts';

const cluster = { tag: 'mysql3308', uniqsign: SIGN, members: [A, B] };
const pair = { active: A, passive: B, masterHost: A };

test("the ancestor's keys are a stable direction of generation 0", () => {
  const direction = ancestorDirection(cluster, pair, 3);
  expect(direction).toEqual({
    ...{ tag: 'mysql3308', uniqsign: SIGN, generation: 0, step: 3, phase: 'stable' },
    ...{ from: null, to: A, writer: A },
    members: [
      { address: A, role: 'writer', kind: 'master', state: 'online' },
      { address: B, role: 'standby', kind: 'master', state: 'unknown' },
    ],
  });
  expect(direction !== null && isAncestors(direction)).toBe(true);
  expect(isAncestors(aTopology())).toBe(false);
});

test('the master key decides, because the ancestor writes it last', () => {
  const between = ancestorDirection(cluster, { active: B, passive: A, masterHost: A }, 1);
  expect(between?.members.map(({ address, role }) => [address, role])).toEqual([
    [A, 'writer'],
    [B, 'standby'],
  ]);
  expect(ancestorDirection(cluster, { ...pair, masterHost: null }, 1)).toBeNull();
});

test('a writer without a standby is one', () => {
  const alone = ancestorDirection(cluster, { active: A, passive: A, masterHost: A }, 1);
  expect(alone?.members).toHaveLength(1);
  expect(alone === null ? 'nothing' : refusal(alone, cluster)).toBeNull();
});

test('a stranger in any of the keys refuses them, as in a topology', () => {
  const stranger = '10.66.66.66:3306';
  for (const keys of [
    { ...pair, masterHost: stranger },
    { ...pair, passive: stranger },
  ]) {
    const direction = ancestorDirection(cluster, keys, 1);
    expect(direction === null ? '' : refusal(direction, cluster)).toContain(stranger);
  }
});

test('the highest generation that anybody reports shows that there was a topology', () => {
  expect(generationReported({ agents: [], sidecars: [], legacy: pair })).toBe(0);
  const reports = { agents: [anAgentReport({ floor: 3 })], sidecars: [aSidecarReport({ floor: 7 })] };
  expect(generationReported({ ...reports, legacy: pair })).toBe(7);
  const ours = { ...pair, masterGeneration: '41' };
  expect(generationReported({ agents: [], sidecars: [], legacy: ours })).toBe(41);
});
