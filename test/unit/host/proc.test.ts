import { expect, it } from 'vitest';
import { listening } from '../../../src/host/proc.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, inode: number, state = '0A') =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000   112        0 ${inode} 1 0 100 0 0 10 0\n`;
/** 127.0.0.1, 10.0.0.2 and every address, port 3306 (0CEA). */
const LOOPBACK = row('0100007F:0CEA', 11);
const LAN = row('0200000A:0CEA', 12);
const EVERY = row('00000000:0CEA', 13);

it('who listens on the very address is meant, before whoever listens on all', () => {
  const table = HEAD + LOOPBACK + LAN;
  expect(listening(table, '10.0.0.2', 3306)).toEqual(['12']);
  expect(listening(table, '127.0.0.1', 3306)).toEqual(['11']);
  expect(listening(table, '10.0.0.3', 3306)).toEqual([]);
  expect(listening(HEAD + EVERY, '10.0.0.2', 3306)).toEqual(['13']);
});

it('a host name may be any address, and only listeners on this port count', () => {
  const table = HEAD + LOOPBACK + LAN + row('0100007F:0CEB', 14) + row('0100007F:0CEA', 15, '01');
  expect(listening(table, 'db1', 3306)).toEqual(['11', '12']);
});

it('IPv6 sockets take connections to IPv4 addresses too', () => {
  const mapped = row('0000000000000000FFFF00000200000A:0CEA', 21);
  const every = row('00000000000000000000000000000000:0CEA', 22);
  expect(listening(HEAD + mapped, '10.0.0.2', 3306)).toEqual(['21']);
  expect(listening(HEAD + every, '10.0.0.2', 3306)).toEqual(['22']);
});
