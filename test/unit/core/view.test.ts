import { expect, test } from 'vitest';
import { type Allowed, clusterView, type Known, refusal, targetView } from '../../../src/core/view.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';

const allowed: Allowed = { tag: 'mysql3308', uniqsign: SIGN, members: [A, B] };
const known: Known = { ip: () => '10.0.21.5', serverId: (address) => (address === A ? '1' : '') };
const at = { bind: '0.0.0.0:3306', listen: '' };

test('a stable topology of allowed members may be followed', () => {
  expect(refusal(aTopology(), allowed)).toBeNull();
});

test('one stranger anywhere refuses the whole topology and is named', () => {
  const stranger = '10.66.66.66:3306';
  const member = { address: stranger, role: 'standby', kind: 'master', state: 'online' } as const;
  const withStranger = aTopology({ members: [...aTopology().members, member] });
  for (const topology of [
    withStranger,
    aTopology({ writer: stranger }),
    aTopology({ phase: 'closing', to: stranger }),
  ]) {
    expect(refusal(topology, allowed)).toContain(stranger);
  }
});

test('an address that is no address is refused even when the allow-list has it', () => {
  const evil = `${A}\nserver x`;
  const topology = aTopology({ writer: evil });
  expect(refusal(topology, { ...allowed, members: [A, B, evil] })).toContain('\\n');
});

test('a topology of another cluster, without a writer, or with a doubled member is refused', () => {
  expect(refusal(aTopology({ uniqsign: 'other' }), allowed)).toContain('another cluster');
  expect(refusal(aTopology({ writer: null }), allowed)).toContain('no writer');
  const [first] = aTopology().members;
  expect(refusal(aTopology({ members: first ? [first, first] : [] }), allowed)).toContain('twice');
});

test('a handover without a writer is not refused', () => {
  expect(refusal(aTopology({ phase: 'closing', from: A, to: B, writer: null }), allowed)).toBeNull();
});

test('the writer, the standby and all leaves are texts in the order of the configuration', () => {
  const members = [...aTopology().members].reverse();
  const view = clusterView(aTopology({ members }), allowed, known, at);
  expect(view.masters.map((member) => member.address)).toEqual([A, B]);
  expect(view.writer).toEqual({
    address: A,
    host: '10.0.21.5',
    port: '3308',
    ip: '10.0.21.5',
    name: '10_0_21_5_3308',
    server_id: '1',
    role: 'writer',
    state: 'online',
    writable: 'yes',
    backup: '',
  });
  expect(view.standby).toMatchObject({ address: B, writable: '', backup: 'yes', server_id: '' });
  expect(
    leaves(targetView([view], { socket: '/run/a.sock' }, {})).every((leaf) => typeof leaf === 'string'),
  ).toBe(true);
});

test('a standby that is online is preferred, and a lone writer has none', () => {
  const c = '10.0.21.9:3308';
  const three = aTopology({
    members: [
      { address: A, role: 'writer', kind: 'master', state: 'online' },
      { address: B, role: 'standby', kind: 'master', state: 'offline' },
      { address: c, role: 'standby', kind: 'master', state: 'online' },
    ],
  });
  const view = clusterView(three, { ...allowed, members: [A, B, c] }, known, at);
  expect(view.standby?.address).toBe(c);
  const alone = aTopology({ members: aTopology().members.slice(0, 1) });
  expect(clusterView(alone, allowed, known, at).standby).toBeNull();
});

test('two members with one name are refused', () => {
  const members = [
    { address: 'db-1.x:3306', role: 'writer', kind: 'master', state: 'online' },
    { address: 'db.1-x:3306', role: 'standby', kind: 'master', state: 'online' },
  ] as const;
  const topology = aTopology({ writer: 'db-1.x:3306', to: 'db-1.x:3306', members: [...members] });
  expect(refusal(topology, { ...allowed, members: members.map((m) => m.address) })).toContain('same name');
});

function leaves(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value];
  return Object.values(value).flatMap(leaves);
}
