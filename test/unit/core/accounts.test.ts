import { expect, it } from 'vitest';
import { accountsWished } from '../../../src/core/accounts.ts';
import type { Topology } from '../../../src/core/model.ts';
import { A, B, look, stable } from '../../support/world.ts';

const [open, closed] = [look(A, B, { readOnly: false }), look(A, B, { readOnly: true })];
const handover = { kind: 'switchover', from: A, to: B, writer: null } as const;

it.each<[string, Topology, string, typeof open, string | null]>([
  ['the open writer', stable(), A, open, 'usable'],
  ['a writer that is closed is opened first', stable(), A, closed, null],
  ['the standby', stable(), B, closed, 'locked'],
  ['a standby that is open is closed first', stable(), B, open, null],
  ['the old writer before it is closed', stable({ ...handover, phase: 'closing' }), A, open, null],
  ['the old writer once it is closed', stable({ ...handover, phase: 'closing' }), A, closed, 'locked'],
  ['the heir, as long as the other is closing', stable({ ...handover, phase: 'closing' }), B, closed, null],
  ['the old writer while the other opens', stable({ ...handover, phase: 'opening' }), A, closed, 'locked'],
  ['the heir before it is open', stable({ ...handover, phase: 'opening' }), B, closed, null],
  ['the heir once it is open', stable({ ...handover, phase: 'opening' }), B, open, 'usable'],
  ['nobody writes', stable({ ...handover, phase: 'halted' }), B, closed, 'locked'],
  ['a switchover undone', stable({ ...handover, kind: 'undo', to: A, phase: 'opening' }), A, open, 'usable'],
])('%s', (_what, topology, address, seen, wished) => {
  expect(accountsWished(topology, address, seen)).toBe(wished);
});
