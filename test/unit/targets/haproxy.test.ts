import { expect, test } from 'vitest';
import { type ClusterView, clusterView } from '../../../src/core/view.ts';
import { haproxy } from '../../../src/targets/haproxy.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';

const toA = [viewFor(A)];
const toB = [viewFor(B)];
const good = `listen mysql\n  bind :3306\n  server a ${A} check\n  server b ${B} check backup disabled\n`;

test('exactly the writer enabled is accepted', () => {
  expect(haproxy.complaints(good, toA, null)).toEqual([]);
});

test('another writer, two, or none enabled is refused and says what was found', () => {
  expect(haproxy.complaints(good, toB, null)[0]).toContain(`but the text has ${A}`);
  expect(haproxy.complaints(good.replace(' disabled', ''), toA, null)[0]).toContain(`${A}, ${B}`);
  expect(haproxy.complaints(good.replace(`${A} check`, `${A} check disabled`), toA, null)[0]).toContain(
    'none',
  );
});

test('with backend= only its own lines count', () => {
  const withReaders = `${good}listen readers\n  bind :3307\n  server a ${A}\n  server b ${B}\n`;
  expect(haproxy.complaints(withReaders, toA, null)).toHaveLength(1);
  expect(haproxy.complaints(withReaders, toA, 'mysql')).toEqual([]);
});

test('control characters, a missing last newline and an empty text are refused', () => {
  expect(haproxy.complaints(`${good}# \r\n`, toA, null)).toEqual(['the text has a control character']);
  expect(haproxy.complaints(good.trimEnd(), toA, null)).toEqual(['the text does not end with a newline']);
  expect(haproxy.complaints('', toA, null).length).toBeGreaterThan(1);
});

test('turning a text changes its direction and nothing else', () => {
  const turned = haproxy.turned(good, toB) ?? '';
  expect(turned).toBe(
    `listen mysql\n  bind :3306\n  server a ${A} check backup disabled\n  server b ${B} check\n`,
  );
  expect(haproxy.turned(turned, toA)).toBe(good);
  expect(haproxy.sameForm(good, turned, toA)).toBe(true);
  expect(haproxy.sameForm(good, `# a comment\n${turned}`, toA)).toBe(true);
  expect(haproxy.sameForm(good, turned.replace('3306', '3307'), toA)).toBe(false);
});

function viewFor(writer: string): ClusterView {
  const allowed = { tag: 'mysql', uniqsign: SIGN, members: [A, B] };
  const known = { ip: () => '', serverId: () => '' };
  return clusterView(aTopology({ writer }), allowed, known, { bind: '', listen: '' });
}
