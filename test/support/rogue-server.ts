import { type AddressInfo, createServer, type Socket } from 'node:net';

/** Something that listens where a database should be. */
export interface RogueServer {
  readonly address: string;
  /** Everything that callers sent. */
  readonly received: () => Buffer;
  dispose(): Promise<void>;
}

/** `behave` is called with each new connection. */
export async function startRogueServer(behave: (socket: Socket) => void): Promise<RogueServer> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => chunks.push(chunk));
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    received: () => Buffer.concat(chunks),
    dispose: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** The greeting of a server that wants this login method. */
export function greeting(plugin: string): Buffer {
  const capabilities = 0x8000 | 0x0200 | 0x0008;
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('5.5.5-10.11.0-MariaDB\0'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('abcdefgh\0'),
    Buffer.from([capabilities & 0xff, capabilities >> 8, 33, 2, 0, 0x08 | 0x20, 0, 21]),
    Buffer.alloc(10),
    Buffer.from('ijklmnopqrst\0'),
    Buffer.from(`${plugin}\0`),
  ]);
  return packet(0, body);
}

/** Asks for another login method. */
export function switchTo(plugin: string, sequence: number): Buffer {
  return packet(
    sequence,
    Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0abcdefghijklmnopqrst\0`)]),
  );
}

function packet(sequence: number, body: Buffer): Buffer {
  const header = Buffer.from([body.length & 0xff, (body.length >> 8) & 0xff, body.length >> 16, sequence]);
  return Buffer.concat([header, body]);
}
