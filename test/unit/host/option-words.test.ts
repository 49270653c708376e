import { expect, it } from 'vitest';
import { closedByOptions, closedByPersisted, loadsPersisted } from '../../../src/host/option-words.ts';

const SAID = 'mariadbd would have been started with the following arguments:\n';

it.each([
  ['--read_only=1', true],
  ['--port=1 --read-only --socket=/a', true],
  ['--read-only=ON --port=1', true],
  ['--read_only=1 --read_only=0', false],
  ['--read_only=0 --read-only=1', true],
  ['--read_only=1 --skip-read-only', false],
  ['--loose-super_read_only=1', true],
  ['--super-read-only=OFF --read_only=1', true],
  ['--enable-read-only', true],
  ['--disable_read_only', false],
  ['--innodb-read-only=1', false],
  ['--tx_read_only=1 --transaction-read-only=1', false],
  // Taken for off by the versions that do not know it.
  ['--read_only=NO_LOCK_NO_ADMIN', false],
  ['--port=1', false],
])('%s: starts closed is %s', (options, closed) => {
  expect(closedByOptions(SAID + options)).toBe(closed);
});

it('a persisted value is found wherever the version keeps it', () => {
  const one = (value: string) =>
    `{"Version":2,"mysql_dynamic_parse_early_variables":{"read_only":{"Value":"${value}","Metadata":{}}}}`;
  expect(closedByPersisted(one('ON'))).toBe(true);
  expect(closedByPersisted(one('OFF'))).toBe(false);
  expect(closedByPersisted('{"mysql_server":{"super_read_only":{"Value":"ON"}}}')).toBe(true);
  expect(closedByPersisted('{"mysql_server":{"max_connections":{"Value":"9"}}}')).toBeNull();
  expect(closedByPersisted(null)).toBeNull();
  expect(() => closedByPersisted('{')).toThrow();
});

it('persisted values count only where they are loaded', () => {
  expect(loadsPersisted(`${SAID}--port=1`)).toBe(true);
  expect(loadsPersisted(`${SAID}--persisted_globals_load=OFF`)).toBe(false);
  expect(loadsPersisted(`${SAID}--skip-persisted-globals-load --port=1`)).toBe(false);
});
