import { createConnection, createServer, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

/** A stand-in for a MySQL server: says its name to each client and keeps the session open. */
export interface TcpBackend extends AsyncDisposable {
  readonly address: string;
  sessions(): number;
  /** From now on it does not notice that a client has gone, like a frozen process. */
  hold(): void;
}

export async function startTcpBackend(port: number): Promise<TcpBackend> {
  const address = `127.0.0.1:${port}`;
  const open = new Set<Socket>();
  let isHeld = false;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('end', () => isHeld || socket.end());
    socket.resume();
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    socket.write(`${address}\n`);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address,
    sessions: () => open.size,
    hold: () => {
      isHeld = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A client session through a proxy. */
export interface TcpSession {
  /** Name of the server that answered; empty when the connection ended without an answer. */
  readonly server: string;
  isOpen(): boolean;
  end(): void;
}

/** Connects and waits for the server's name, or for the end of the connection. */
export function connectTcp(port: number): Promise<TcpSession> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    let isOpen = true;
    const session = (server: string) => ({ server, isOpen: () => isOpen, end: () => void socket.destroy() });
    socket.on('error', () => undefined);
    socket.once('data', (data) => resolve(session(data.toString().trim())));
    socket.once('close', () => {
      isOpen = false;
      resolve(session(''));
    });
  });
}

/** Resolves when new clients of `port` reach `address`. */
export async function eventuallyLeadsTo(port: number, address: string): Promise<void> {
  await eventually(
    `port ${port} leads to ${address || 'nobody'}`,
    async () => {
      const session = await connectTcp(port);
      session.end();
      return session.server;
    },
    (server) => server === address,
  );
}
