import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { clusterView, targetView, type View } from '../../../src/core/view.ts';
import { compileTemplate } from '../../../src/render/template.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';

const cluster = clusterView(
  aTopology(),
  { tag: 'mysql3308', uniqsign: SIGN, members: [A, B] },
  { ip: () => '', serverId: () => '' },
  { bind: '0.0.0.0:3306', listen: '' },
);
const view: View = targetView([cluster], { socket: '/run/a.sock, /run/b.sock', odd: 'a=b & "c"' }, {});

test('a field that does not exist stops the rendering, also inside if, each and nested blocks', () => {
  const broken = [
    '{{writer.hots}}',
    '{{#if wrtier}}x{{/if}}',
    '{{#each cluters}}x{{/each}}',
    '{{#each clusters}}{{#each masters}}{{#if backpu}}x{{/if}}{{/each}}{{/each}}',
    '{{#with writer}}{{constructor.name}}{{/with}}',
  ];
  for (const source of broken) expect(() => render(source), source).toThrow(/template t: /);
});

test('options may be missing in a condition but not as a value', () => {
  expect(render('{{#if options.user}}x{{else}}y{{/if}}')).toBe('y');
  expect(() => render('{{options.user}}')).toThrow('user');
});

test('nothing but the documented helpers is known', () => {
  for (const source of ['{{lookup writer "host"}}', '{{log "x"}}', '{{> partial}}', '{{exec "id"}}']) {
    expect(() => render(source), source).toThrow();
  }
  expect(
    render('{{upper writer.role}} {{#if (eq writer.port "3308")}}y{{/if}} {{default options.odd "n"}}'),
  ).toBe('WRITER y a=b & "c"');
});

test('numbers are texts: two fields side by side are not added', () => {
  expect(render('{{writer.port}}{{writer.port}}')).toBe('33083308');
});

test('only text is compiled', () => {
  expect(() => compileTemplate({ type: 'Program', body: [] } as unknown as string, 't')).toThrow(
    'not a text',
  );
});

test('a required value that is empty stops the rendering and is named', () => {
  expect(() => render('{{required cluster.phase "a phase"}}{{required writer.ip "an ip"}}')).toThrow('an ip');
});

test('the shipped haproxy template opens the writer only', () => {
  const text = render(readFileSync(new URL('../../../templates/haproxy.cfg.hbs', import.meta.url), 'utf8'));
  expect(text).toMatch(/^listen mysql_mysql3308\n {4}bind 0\.0\.0\.0:3306$/m);
  expect(text).toMatch(/^ {4}server 10_0_21_5_3308 10\.0\.21\.5:3308$/m);
  expect(text).toMatch(/^ {4}server 10_0_21_7_3308 10\.0\.21\.7:3308 backup disabled$/m);
  expect(text.match(/stats socket \/run\/[ab]\.sock /g)).toHaveLength(2);
  expect(text).not.toContain('{{');
});

function render(source: string): string {
  return compileTemplate(source, 't')(view);
}
