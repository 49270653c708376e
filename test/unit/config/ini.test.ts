import { expect, test } from 'vitest';
import { splitCommand } from '../../../src/config/command.ts';
import { createFindings } from '../../../src/config/findings.ts';
import { parseIni, plainText } from '../../../src/config/ini.ts';

test.for([
  ['xxxxx', 'xxxxx'],
  ['  xxxxx  ', 'xxxxx'],
  ['p#w;d', 'p#w;d'],
  ['#first', '#first'],
  ['p w # comment', 'p w'],
  ['p\t; comment', 'p'],
  [' # only a comment', ''],
  ["'xxxxx'   # optional", 'xxxxx'],
  ['"p #w ;d" ; note', 'p #w ;d'],
  ["'it's'", "it's"],
  ["pa'ss", "pa'ss"],
  ["  ' '", ' '],
  ['""', ''],
  ['true', 'true'],
  ['null', 'null'],
  ['a=b', 'a=b'],
  ['^10\\.0\\.21\\.%$', '^10\\.0\\.21\\.%$'],
])('the value %j reads as %j', ([raw, text]) => {
  expect(plainText(raw ?? '')).toEqual({ ok: true, text });
});

test.for(["'xxxxx", '"p#w" rest', "xxxxx'", '"', '\'abc" # note'])(
  'the value %j has a quote left over',
  (raw) => {
    const read = plainText(raw);
    expect(read.ok ? '' : read.why).toContain('without its partner');
  },
);

test('a comment may follow a section header, and every key keeps its line', () => {
  const findings = createFindings('x.conf');
  const ini = parseIni(
    '\uFEFF# top\r\n[a]   # comment\r\nk = v\r\n\r\n[target  b] ; x\r\n  other.key=1\r\n',
    findings,
  );
  findings.refuse();
  expect([...ini.keys()]).toEqual(['a', 'target b']);
  expect(ini.get('a')?.entries.get('k')).toEqual({ key: 'k', line: 3, raw: ' v' });
  expect(ini.get('target b')?.entries.get('other.key')?.line).toBe(6);
});

test('all mistakes of a file are reported at once with file and line', () => {
  const findings = createFindings('x.conf');
  parseIni('early=1\n[a]\nk=1\nk=2\nnonsense\n[a]\n[b] rest\n[c\nsp ace=1\nx=\u0000', findings);
  expect(() => findings.refuse()).toThrow(
    [
      'x.conf:1: early stands before the first section header',
      'x.conf:4: k is already in line 3 of [a]: keep one',
      'x.conf:5: this is no section header, no comment and no key=value',
      'x.conf:6: section [a] is already in line 2: merge the two',
      'x.conf:7: nothing may follow [b] but white space and a comment',
      'x.conf:8: a section header is [name]',
      'x.conf:9: a key holds letters, digits, "_", "." and "-" only',
      'x.conf:10: there is a control character in this line',
    ].join('\n'),
  );
});

test('names that mean something to JavaScript are keys like all others', () => {
  const findings = createFindings('x.conf');
  const ini = parseIni('[__proto__]\n__proto__=1\nconstructor=2', findings);
  findings.refuse();
  expect([...(ini.get('__proto__')?.entries.keys() ?? [])]).toEqual(['__proto__', 'constructor']);
});

test('hostile values, keys and section names come out as they were written', () => {
  const parts = [
    '"',
    "'",
    '\\',
    '=',
    '[',
    ']',
    '[]',
    '#',
    ';',
    ' ',
    '\t',
    '.',
    ':',
    '%',
    'ü',
    '💾',
    '\u2028',
    '003d',
  ];
  const words = ['true', 'false', 'null', '123', '__proto__', '\\u0041', '{{x}}', '$HOME'];
  const next = seeded(20260101);
  const pick = (from: readonly string[]): string => from[next(from.length)] ?? '';
  const hostile = (): string => Array.from({ length: next(7) }, () => pick([...parts, ...words])).join('');
  const raws = [...parts, ...words, ...Array.from({ length: 300 }, hostile)];
  const names = ['true', 'null', '7', 'a.b', 'a', '__proto__', 'x=y', '"q"', '#;', 'back\\slash', 'a[b'];
  const body = raws.map((raw, index) => `k.${index}=${raw}`).join('\n');
  const findings = createFindings('x.conf');
  const ini = parseIni(names.map((name) => `[${name}]\n${body}\n`).join(''), findings);
  findings.refuse();
  expect([...ini.keys()]).toEqual(names);
  for (const section of ini.values()) {
    expect([...section.entries.values()]).toEqual(
      raws.map((raw, index) => ({ key: `k.${index}`, line: section.line + 1 + index, raw })),
    );
  }
});

test('a key with brackets is a mistake, not a list', () => {
  const findings = createFindings('x.conf');
  parseIni('[a]\nk[]=1', findings);
  expect(() => findings.refuse()).toThrow('x.conf:2: a key holds letters');
});

test.for<[string, readonly string[], string]>([
  ['haproxy -c -f {{stage}}  # check', ['haproxy', '-c', '-f', '{{stage}}'], 'haproxy -c -f {{stage}}'],
  ['sh -c "a ; b # c" x', ['sh', '-c', 'a ; b # c', 'x'], 'sh -c "a ; b # c" x'],
  ['"haproxy -c"', ['haproxy', '-c'], 'haproxy -c'],
  ['"/opt/my prog" -x', ['/opt/my prog', '-x'], '"/opt/my prog" -x'],
  ["a '' b'c d'e", ['a', '', 'bc de'], "a '' b'c d'e"],
  ['echo $HOME `id` *', ['echo', '$HOME', '`id`', '*'], 'echo $HOME `id` *'],
  [' ; nothing', [], ''],
])('the command %j is split without a shell', ([raw, words, text]) => {
  expect(splitCommand(raw)).toEqual({ ok: true, words, text });
});

test('a command with an open quote is refused', () => {
  expect(splitCommand('sh -c "exit 0')).toEqual({
    ok: false,
    why: 'has a " without its partner: close it',
  });
});

/** The same numbers below a bound in every run (Lehmer). */
function seeded(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 48271) % 2147483647;
    return state % bound;
  };
}
