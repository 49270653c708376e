/**
 * What the programs get instead of adapters that reach the real world. They hand over the name of their process as
 * the user of a database, or the address that they sit next to: by that it is known whose calls these are.
 */
import { CommandError, MmmError } from '../../src/errors.ts';
import type { LocalServer, Mailbox, Postman, Server } from '../../src/ports.ts';
import type { Exec } from '../../src/system/exec.ts';
import type { Life } from './process.ts';
import { connectServer, type Machines } from './server-port.ts';

/** Where the present run takes place. */
export interface Stage extends Machines {
  /** The life of the process of this name. */
  lifeOf(name: string): Life;
  /** The life of the agent that sits next to this server. */
  lifeBeside(address: string): Life;
  /** Starts of a server so far: its pid. */
  startsOf(address: string): number;
  readonly startsClosed: boolean | null;
  /** Fences this server from outside; false: that failed. */
  fence(address: string): boolean;
}

let stage: Stage | null = null;

export function enter(next: Stage): void {
  stage = next;
}

function here(): Stage {
  if (stage === null) throw new Error('nothing is being simulated');
  return stage;
}

export function createServer(options: {
  readonly address: string;
  readonly user: string;
  readonly blocking?: unknown;
  readonly onLost?: () => void;
}): Server {
  const { address, user, blocking, onLost } = options;
  const blocks = blocking !== undefined && blocking !== null;
  return connectServer(here().lifeOf(user), here(), { address, blocks, onLost });
}

const LOCAL_MS = 2000;

export function createLocalServer({ address }: { readonly address: string }): LocalServer {
  const on = here();
  const life = on.lifeBeside(address);
  const server = on.room.server(address);
  const ask = <T>(what: string, serve: () => T): Promise<T> =>
    life.call({
      what: `${address} process ${what}`,
      to: life.process.host,
      timeoutMs: LOCAL_MS,
      late: () => new MmmError('LOCAL', 'the operating system does not answer'),
      serve: async () => serve(),
    });
  const present = (): number | null => (server.state === 'down' ? null : on.startsOf(address));
  return {
    find: () =>
      ask('find', () => {
        const pid = present();
        return pid === null ? null : { pid, startedAt: String(pid) };
      }),
    isGone: () => ask('is gone', () => present() === null),
    kill: (process) =>
      ask('kill', () => {
        if (present() === process.pid) on.room.crash(address, on.random.between(100, 8000));
      }),
    startsClosed: () => ask('starts closed', () => on.startsClosed),
  };
}

/** Runs nothing but `fence PROCESS ADDRESS`. */
export function createExec({ timeoutMs }: { readonly timeoutMs: number }): Exec {
  return {
    run: ([, name = '', address = '']) =>
      here()
        .lifeOf(name)
        .call({
          what: `${address} fence`,
          to: 'power',
          timeoutMs,
          late: () => new CommandError('fence was killed'),
          serve: async () => {
            if (!here().fence(address)) throw new CommandError('fence ended with 1');
            return { output: '' };
          },
        }),
  };
}

/** Nobody gets mail here. */
export async function createMailbox(): Promise<Mailbox> {
  return { read: () => null, write: async () => undefined };
}

export async function forgetMail(): Promise<void> {}

export function createPostman(): Postman {
  return { send: async () => ({ ok: true, refused: [] }) };
}
