import { expect, test } from 'vitest';
import { legacyCheck } from '../../../src/core/legacy.ts';
import { aProbe } from '../../support/documents.ts';
import { A, B, link, look } from '../../support/world.ts';

const NOW_MS = 1_763_630_000_999;
const up = aProbe({ look: look(A, B, { clients: 3 }) });

test('a member that answers and follows', () => {
  expect(legacyCheck(up, link(B), NOW_MS)).toEqual({
    ...{ ping: '1', repl_check: 'OK', read_only: '1', delay_sec: '0', conn_nums: '3' },
    last_check: '1763630000',
  });
});

test('a lag is told in seconds, an unknown one is an error, never zero', () => {
  expect(legacyCheck(up, link(B, { lagSeconds: 7 }), NOW_MS)).toMatchObject({
    repl_check: 'Delay 7 Seconds',
    delay_sec: '7',
  });
  for (const broken of [link(B, { lagSeconds: null }), undefined]) {
    expect(legacyCheck(up, broken, NOW_MS)).toMatchObject({ repl_check: 'Error', delay_sec: '-1' });
  }
});

test('a thread that does not run is an error', () => {
  for (const over of [{ io: 'connecting' }, { io: 'no' }, { sql: 'no' }] as const) {
    expect(legacyCheck(up, link(B, over), NOW_MS).repl_check).toBe('Error');
  }
});

test('a member that cannot be reached', () => {
  expect(legacyCheck(aProbe({ status: 'refused', look: null }), undefined, NOW_MS)).toEqual({
    ...{ ping: '0', repl_check: 'Error', read_only: '-1', delay_sec: '-1', conn_nums: '-1' },
    last_check: '1763630000',
  });
});
