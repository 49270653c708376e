/** What may be called cut, by what a haproxy says at its socket; the haproxy is only pretended. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Steered, steer } from '../../../src/daemons/steering.ts';
import { createResolver } from '../../../src/haproxy/resolve.ts';
import { createRouter } from '../../../src/haproxy/router.ts';
import { createClock } from '../../../src/system/clock.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';

const clock = createClock();

test('a haproxy without a server line of any member is no cut while its port takes clients', async () => {
  const socket = await pretend([server('other', 'a', '192.168.7.5:3306', { sessions: 17 })]);
  const { port, close } = await takeClients();
  await expect(cut(socket, { entrance: `127.0.0.1:${port}` })).rejects.toThrow(
    /no server line of a member was found at .*correct socket= or members=/,
  );
  await close();
  await expect(cut(socket, { entrance: `127.0.0.1:${port}` })).resolves.toMatchObject({ route: 'done' });
});

test('another backend that leads to a member is no cut, and ours is cut all the same', async () => {
  const ours = server('rw', 'a', A, {});
  const other = server('admin', 'a', A, {});
  const socket = await pretend([ours, server('rw', 'b', B, { maint: true }), other]);
  await expect(cut(socket, { backend: 'rw' })).rejects.toThrow(
    /still leads to members by admin\/a, which backend=rw leaves out: remove backend=/,
  );
  expect(ours.maint).toBe(true);
  Object.assign(other, { maint: true, sessions: 1 });
  await expect(cut(socket, { backend: 'rw' })).rejects.toThrow(/admin\/a/);
  other.sessions = 0;
  await expect(cut(socket, { backend: 'rw' })).resolves.toMatchObject({ route: 'done' });
});

test('a cut says when the workers of an earlier reload cannot be seen', async () => {
  const socket = await pretend([server('rw', 'a', A, {}), server('rw', 'b', B, {})]);
  const { detail } = await cut(socket, {});
  expect(detail).toBe(
    'nobody is routed to any member; workers of an earlier reload cannot be seen from here',
  );
});

function cut(
  socket: string,
  over: { readonly backend?: string; readonly entrance?: string },
): Promise<Steered> {
  const resolver = createResolver({ timeoutMs: 100, keepMs: 1_000, now: () => clock.now() });
  const router = createRouter({ socket, clock, resolver, timeoutMs: 500 });
  const topology = aTopology({ generation: 43, phase: 'closing', writer: null });
  const allowed = { tag: topology.tag, uniqsign: SIGN, members: [A, B] };
  const options = { backend: null, proof: null, serverId: '', entrance: null, clock, ...over };
  const how = { fresh: true, signal: new AbortController().signal };
  return steer([router], { topology, allowed, seenMs: 0 }, options, how);
}

interface Line {
  readonly backend: string;
  readonly name: string;
  readonly address: string;
  maint: boolean;
  sessions: number;
}

function server(
  backend: string,
  name: string,
  address: string,
  over: { readonly maint?: boolean; readonly sessions?: number },
): Line {
  return { backend, name, address, maint: false, sessions: 0, ...over };
}

/** Obeys `state maint` and shows these lines; its process id is nobody's. */
async function pretend(lines: readonly Line[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-steering-'));
  const path = join(folder, 'haproxy.sock');
  const haproxy = createServer({ allowHalfOpen: true }, (client) => {
    let asked = '';
    client.on('data', (part) => {
      asked += part.toString();
    });
    client.on('end', () => {
      for (const line of lines) {
        if (asked.includes(`set server ${line.backend}/${line.name} state maint`)) line.maint = true;
      }
      client.end(answer(lines));
    });
  });
  await listen(haproxy, path);
  onTestFinished(async () => {
    haproxy.close();
    await rm(folder, { recursive: true });
  });
  return path;
}

function answer(lines: readonly Line[]): string {
  const columns = 'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_fqdn srv_port';
  const states = lines.map(({ backend, name, address, maint }) => {
    const [ip, port] = address.split(':');
    return `2 ${backend} 1 ${name} ${ip} 2 ${maint ? 1 : 0} - ${port}`;
  });
  const counts = lines.map(({ backend, name, sessions }) => `${backend},${name},${sessions},`);
  const stats = ['# pxname,svname,scur,', ...counts];
  return ['1', `# ${columns}`, ...states, '', ...stats, '', 'Pid: 4194999', '', ''].join('\n');
}

async function takeClients(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const clients = createServer((client) => client.destroy());
  await listen(clients, 0);
  const at = clients.address();
  return {
    port: typeof at === 'object' ? (at?.port ?? 0) : 0,
    close: () => new Promise((resolve) => clients.close(() => resolve())),
  };
}

function listen(on: Server, at: string | number): Promise<void> {
  return new Promise((resolve) => {
    if (typeof at === 'string') on.listen(at, resolve);
    else on.listen(at, '127.0.0.1', resolve);
  });
}
