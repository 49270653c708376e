/** haproxy of a test, in master-worker mode: it reloads as it does under systemd. */

import { chmod, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePorts, startProcess } from './processes.ts';
import { programs } from './servers.ts';

export interface HaproxyOptions {
  /** Folder for the configuration, the socket and the log. */
  readonly folder: string;
  readonly tag: string;
  /** `host:port` of the members. */
  readonly members: readonly string[];
  /** Member that takes traffic at once; without one every server starts in maintenance. */
  readonly open?: string;
  /** Account to check the servers with: the first that lets it in gets all clients, the others are backup. */
  readonly checkUser?: string;
  /** What its runtime socket permits; default `admin`. */
  readonly level?: 'user' | 'operator' | 'admin';
  /** Network namespace to run in. */
  readonly netns?: string;
}

export interface Haproxy extends AsyncDisposable {
  /** Where clients connect. */
  readonly port: number;
  readonly configFile: string;
  readonly socket: string;
  /** Command that checks the file `{{stage}}`. */
  readonly checkCommand: string;
  /** Command that makes haproxy read its file anew. */
  readonly reloadCommand: string;
  readonly backend: string;
  /** Sends one line to the runtime socket; resolves with the answer. */
  command(line: string): Promise<string>;
  /** Routes new connections to `to`; sessions on other servers stay, or are cut when `cut`. */
  route(to: string, options: { readonly cut: boolean }): Promise<void>;
  stop(): Promise<void>;
}

/** Starts haproxy with one backend for the cluster; resolves when its runtime socket answers. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const { haproxy } = await programs();
  const [port = 0] = await freePorts(1);
  const configFile = join(options.folder, 'haproxy.cfg');
  const socket = join(options.folder, 'haproxy.sock');
  const backend = `mysql_${options.tag}`;
  await writeFile(configFile, configuration(options, port, socket, backend));
  const child = startProcess('haproxy', haproxy, ['-W', '-db', '-f', configFile], {
    logFile: join(options.folder, 'haproxy.log'),
    ...(options.netns !== undefined && { netns: options.netns }),
  });
  const reload = join(options.folder, 'reload-haproxy');
  await writeFile(reload, `#!/bin/sh\nkill -USR2 ${child.pid}\n`);
  await chmod(reload, 0o755);
  const command = (line: string) => ask(socket, line);
  const others = (to: string) => options.members.filter((member) => member !== to);
  const route = async (to: string, { cut }: { readonly cut: boolean }) => {
    const away = others(to).map((member) => `set server ${backend}/${nameOf(member)} state maint`);
    const ends = others(to).map((member) => `shutdown sessions server ${backend}/${nameOf(member)}`);
    const open = `set server ${backend}/${nameOf(to)} state ready`;
    await command([...away, ...(cut ? ends : []), open].join('; '));
  };
  const stop = async () => {
    // TERM ends the workers too; a reload may have left old ones that wait for their clients.
    await child.stop(5_000);
  };
  try {
    // Its socket answers a little earlier, but then haproxy 2.6 would lose a reload.
    await eventually(
      'haproxy has started',
      () => child.log(),
      (log) => log.includes('Loading success'),
    );
    await eventually('haproxy answers on its socket', () => command('show info'));
  } catch (error) {
    await stop();
    throw new Error(`haproxy did not start:\n${child.log()}`, { cause: error });
  }
  const checkCommand = `${haproxy} -c -f {{stage}}`;
  const commands = { checkCommand, reloadCommand: reload, command, route, stop };
  return { port, configFile, socket, backend, ...commands, [Symbol.asyncDispose]: stop };
}

/** A server's name in the backend. */
function nameOf(address: string): string {
  return address.replace(/[^A-Za-z0-9]/g, '_');
}

function configuration(options: HaproxyOptions, port: number, socket: string, backend: string): string {
  return [
    'global',
    `  stats socket ${socket} mode 600 level ${options.level ?? 'admin'} expose-fd listeners`,
    '  hard-stop-after 5s',
    'defaults',
    '  mode tcp',
    '  timeout connect 2s',
    '  timeout client 1h',
    '  timeout server 1h',
    `listen ${backend}`,
    `  bind 127.0.0.1:${port}`,
    ...serversOf(options),
    '',
  ].join('\n');
}

function serversOf({ members, open, checkUser }: HaproxyOptions): readonly string[] {
  if (checkUser === undefined) {
    return members.map(
      (member) => `  server ${nameOf(member)} ${member}${member === open ? '' : ' disabled'}`,
    );
  }
  return [
    `  option mysql-check user ${checkUser}`,
    '  default-server check inter 250ms fall 2 rise 1 on-marked-down shutdown-sessions',
    ...members.map((member, index) => `  server ${nameOf(member)} ${member}${index === 0 ? '' : ' backup'}`),
  ];
}

function ask(socket: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(socket);
    connection.setTimeout(2_000, () =>
      connection.destroy(new Error('haproxy does not answer on its socket')),
    );
    connection.on('error', reject);
    connection.on('data', (chunk) => {
      answer += chunk.toString();
    });
    connection.on('end', () => resolve(answer));
    connection.end(`${line}\n`);
  });
}
