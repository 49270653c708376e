import { expect, test } from 'vitest';
import { parsePid, parseServers, remarks } from '../../../src/haproxy/state.ts';

const STATES = [
  '1',
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_fqdn srv_port new_column',
  '2 mysql 1 a 10.0.21.5 2 0 - 3308 x',
  '2 mysql 2 b fd00::1 0 5 db2.internal 3308 x',
  '2 mysql 3 c 10.0.21.9 2 8 - 3308 x',
  '',
].join('\n');
const STATS = ['# pxname,svname,qcur,scur,status,', 'mysql,a,0,7,UP,', 'mysql,b,0,0,MAINT,', ''].join('\n');

test('servers are read by the names of the columns', () => {
  const servers = parseServers(`${STATES}\n${STATS}\nPid: 77\n`);
  expect(servers?.[0]).toEqual({
    backend: 'mysql',
    name: 'a',
    ip: '10.0.21.5',
    fqdn: '-',
    port: '3308',
    operation: 2,
    maint: false,
    drain: false,
    sessions: 7,
  });
  expect(servers?.[1]).toMatchObject({
    name: 'b',
    ip: 'fd00::1',
    fqdn: 'db2.internal',
    maint: true,
    sessions: 0,
  });
});

test('a server without a count of sessions is taken for busy', () => {
  expect(parseServers(`${STATES}\n${STATS}`)?.[2]).toMatchObject({ drain: true, sessions: 1 });
});

test('an answer without the tables is not guessed', () => {
  expect(parseServers('')).toBeNull();
  expect(parseServers('Permission denied\n')).toBeNull();
  expect(parseServers(STATES)).toBeNull();
});

test('what haproxy says to a command is kept apart from the tables', () => {
  expect(remarks(`\nNo such server.\n\n\n${STATES}\n${STATS}`)).toBe('No such server.');
  expect(remarks(`\n\n${STATES}\n${STATS}`)).toBe('');
  expect(parsePid(`Name: HAProxy\nPid: 77\n`)).toBe('77');
  expect(parsePid('')).toBeNull();
});
