import { expect, test } from 'vitest';
import { nearest } from '../../../src/config/nearest.ts';
import {
  addresses,
  choice,
  command,
  duration,
  fileMode,
  integer,
  list,
  names,
} from '../../../src/config/values.ts';

test.for<[string, number]>([
  ['500ms', 500],
  ['3s', 3000],
  ['2m', 120_000],
  ['3', 3000],
  ['0.5', 500],
  ['1.5s', 1500],
  ['3 s', 3000],
  ['3s # three', 3000],
])('the duration %s is %i ms', ([raw, ms]) => {
  expect(duration(1, 1).parse(raw, 'k')).toMatchObject({ ok: true, value: ms });
});

test.for(['0', '-1', '3h', 'soon', '1e3', '25000m', '0.0001ms', 'Infinity'])(
  'the duration %s is refused',
  (raw) => {
    expect(duration(1, 1).parse(raw, 'k').ok).toBe(false);
  },
);

test('lists drop blanks and refuse empty, quoted and repeated items', () => {
  expect(list().parse('root, monitor,user_replica ; x', 'k')).toMatchObject({
    value: ['root', 'monitor', 'user_replica'],
  });
  expect(list().parse('', 'k')).toMatchObject({ ok: true, value: null });
  for (const raw of ['a,,b', 'a,', "'a', 'b'", 'a, a']) expect(list().parse(raw, 'k').ok).toBe(false);
});

test('names are read as forgivingly as the ancestor reads them', () => {
  expect(names().parse('root, monitor,, root,', 'k')).toMatchObject({ value: ['root', 'monitor'] });
  expect(names().parse("'root', 'monitor'", 'k').ok).toBe(false);
});

test('an address that could break out of a file is refused', () => {
  expect(addresses().parse('10.0.21.5:3308, [fe80::1]:3306', 'k').ok).toBe(true);
  for (const raw of ['10.0.21.5', 'a:0', 'a:65536', 'a b:1', 'a{{x}}:1']) {
    expect(addresses().parse(raw, 'k').ok).toBe(false);
  }
});

test('whole numbers, permissions and choices know their bounds', () => {
  expect(integer(2, 1, 10).parse('10', 'k')).toMatchObject({ value: 10 });
  for (const raw of ['0', '11', '1.5', '-1', '0x1']) expect(integer(2, 1, 10).parse(raw, 'k').ok).toBe(false);
  expect(fileMode(0o644).parse('0640', 'k')).toMatchObject({ value: 0o640 });
  for (const raw of ['0999', '4755', 'rw']) expect(fileMode(0o644).parse(raw, 'k').ok).toBe(false);
  expect(choice(['hold'], ['replay']).parse('replay', 'k')).toMatchObject({
    why: 'k=replay is not supported yet',
  });
  expect(choice(['a', 'b']).parse('c', 'k')).toMatchObject({ why: 'k must be a or b, not "c"' });
});

test('a command with an unknown placeholder is refused', () => {
  expect(command().parse('check {{stage}} {{dest}} {{tag}}', 'k').ok).toBe(true);
  for (const raw of ['check {{staeg}}', 'check {{ stage }}', 'check {{stage']) {
    expect(command().parse(raw, 'k').ok).toBe(false);
  }
});

test('a misspelt name is answered with the nearest known one, if there is one', () => {
  const known = ['fencing', 'failback', 'confirm'];
  expect(nearest('fencng', known)).toBe('fencing');
  expect(nearest('Fail_back', known)).toBe('failback');
  expect(nearest('wsrep', known)).toBe(null);
});
