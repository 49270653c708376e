/**
 * Writes an order every 20 ms through haproxy, and says each second how many were acknowledged, by which server,
 * and the longest time without an acknowledgement.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';

const PAUSE_MS = 20;
const RECONNECT_MS = 50;
const password = readFileSync('/run/secrets/app_password', 'utf8').trim();

let total = 0;
let second = { acknowledged: 0, server: '', trouble: '' };
let longestGapMs = 0;
let lastMs = performance.now();

setInterval(report, 1_000);
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
for (;;) {
  try {
    await write();
  } catch (error) {
    second.trouble = error.message;
    await pause(RECONNECT_MS);
  }
}

/** Over one connection, until it breaks. */
async function write() {
  const connection = await createConnection({
    host: 'haproxy',
    port: 3306,
    user: 'app',
    password,
    database: 'shop',
    connectTimeout: 1_000,
  });
  // Without a listener a connection that breaks later would end the process.
  connection.on('error', () => undefined);
  try {
    const [[{ server }]] = await connection.query('SELECT @@hostname AS server');
    for (;;) {
      await connection.query({ sql: 'INSERT INTO orders (placed_at) VALUES (NOW(3))', timeout: 2_000 });
      acknowledged(server);
      await pause(PAUSE_MS);
    }
  } finally {
    connection.destroy();
  }
}

function acknowledged(server) {
  const nowMs = performance.now();
  longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
  lastMs = nowMs;
  total += 1;
  second.acknowledged += 1;
  second.server = server;
}

function report() {
  const time = new Date().toISOString().slice(11, 19);
  const gapMs = Math.round(Math.max(longestGapMs, performance.now() - lastMs));
  const where = second.server === '' ? '' : ` by ${second.server}`;
  const trouble = second.trouble === '' ? '' : `  (${second.trouble})`;
  console.log(`${time}  ${second.acknowledged} acknowledged${where}, ${total} in all, longest gap ${gapMs} ms${trouble}`);
  // The healthcheck looks at the age of this file.
  if (second.acknowledged > 0) writeFileSync('/tmp/acknowledged', '');
  second = { acknowledged: 0, server: '', trouble: '' };
  longestGapMs = 0;
}
