/**
 * Lets a test reach into the network namespace that this runs in: whoever connects to a socket file is connected to
 * an address. Usage: node relay.mjs SOCKET=HOST:PORT ...
 */
import { createConnection, createServer } from 'node:net';

for (const word of process.argv.slice(2)) {
  const [socket, address = ''] = word.split('=');
  const [host, port] = address.split(':');
  createServer({ allowHalfOpen: false }, (near) => {
    const far = createConnection({ host, port: Number(port), noDelay: true });
    join(near, far);
    join(far, near);
  }).listen(socket);
}

function join(from, to) {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}
