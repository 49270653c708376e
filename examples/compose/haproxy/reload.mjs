/**
 * Tells the master process of haproxy to load its file again, and waits until it has: `reload` on its command
 * socket, which works from another container too. Usage: node reload.mjs SOCKET
 */
import { connect } from 'node:net';

let answer = '';
const socket = connect(process.argv[2]);
socket.setTimeout(8_000, () => socket.destroy(new Error('haproxy does not answer')));
socket.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
socket.on('data', (part) => {
  answer += part;
});
socket.on('end', () => {
  process.stdout.write(answer);
  if (!answer.startsWith('Success=1')) process.exitCode = 1;
});
socket.end('reload\n');
