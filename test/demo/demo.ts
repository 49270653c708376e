/** A writer dies and the clients go on: everything on this machine, started here and cleaned up here. */
import { parseArgs } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { prepareTables } from '../support/holdings.ts';
import { writeGap } from '../support/journal.ts';
import type { MariaServer } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { startWorkload, type Workload } from '../support/workload.ts';

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const interrupted = new Promise<null>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(null));
});

say('mmm-manager demo: two MariaDB masters, Redis, haproxy and the daemons, all on this machine.');
const stack = await Promise.race([startStack({ tag: 'demo' }), interrupted]);
let shown = false;
if (stack !== null) {
  try {
    shown = await Promise.race([show(stack).then(() => true), interrupted.then(() => false)]);
  } finally {
    await stack[Symbol.asyncDispose]();
  }
}
say('Everything is stopped and removed.');
// At once: what an interruption cut short still waits for servers that are gone, and may have started some.
process.exit(shown || values.keep ? 0 : 130);

async function show(stack: Stack): Promise<void> {
  const { a, b, haproxy, redis } = stack;
  await prepareTables(a);
  say(`
  masters   ${a.address} (the writer) and ${b.address}
  clients   127.0.0.1:${haproxy.port}, haproxy
  Redis     ${redis.host}:${redis.port}
  daemons   mmm-monitor, mmm-identify, mmm-agent, mmm-sidecar
`);
  const workload = startWorkload({ port: haproxy.port, ...accounts.app, database: 't', pauseMs: 15 });
  await workload.flowing(10);
  say('8 clients write through haproxy.');
  await killWriter(stack, workload);
  await bringBack(stack);
  await workload.flowing();
  await workload.stop();
  await printStatus(stack);
  if (values.keep) await keepRunning(stack);
}

async function killWriter(stack: Stack, workload: Workload): Promise<void> {
  const { a, b } = stack;
  const seen = (await stack.events()).length;
  say(`Killing the writer: kill -9 ${a.pid} (${a.address})`);
  const killedMs = performance.now();
  await a.kill9();
  await stack.stable(b);
  await workload.flowing(10);
  say(`The writer is now ${b.address}, and every client writes again.\n`);
  const happened = (await stack.events()).length - seen;
  const events = await stack.status('events', '-n', String(happened));
  if (events.code !== 0) throw new Error(`mmm-status events: exit ${events.code}\n${events.stderr}`);
  say(`What happened (mmm-status events):\n${events.stdout.trimEnd()}\n`);
  say(`write gap: ${Math.round(writeGap(workload.journal, killedMs).gapMs)} ms\n`);
}

async function bringBack(stack: Stack): Promise<void> {
  const { a, b } = stack;
  say(`Starting ${a.address} again.`);
  await a.start();
  const member = await eventually(
    'the old writer is judged',
    async () => (await stack.topology())?.members.find(({ address }) => address === a.address),
    (found) => found?.role === 'standby' && (found.state === 'online' || found.state === 'diverged'),
    { withinMs: 30_000 },
  );
  if (member?.state !== 'diverged') {
    await eventually(
      'mmm-status is content',
      () => stack.status(),
      ({ code }) => code === 0,
      { withinMs: 30_000 },
    );
    say('It holds nothing that the writer lacks: it is the standby again.\n');
    return;
  }
  say(`It is diverged: it holds ${transactions(member.extra?.count ?? 0)} that ${b.address} never received.`);
  say(`  ${member.extra?.list ?? ''}`);
  say(
    'It stays closed and nothing of it is thrown away; usual for a server that dies while it is written to.\n',
  );
  await readOnly(a);
}

/** The claim that it stays closed, from the server itself. */
async function readOnly(server: MariaServer): Promise<void> {
  const [row] = await server.admin('SELECT @@global.read_only AS closed');
  if (row?.closed !== 1) throw new Error(`${server.address} is diverged and takes writes`);
}

async function printStatus(stack: Stack): Promise<void> {
  const status = await stack.status();
  say(`$ mmm-status\n${status.stdout.trimEnd()}\n`);
}

async function keepRunning({ files, haproxy, redis, folder }: Stack): Promise<void> {
  const client = `-h 127.0.0.1 -P ${haproxy.port} -u ${accounts.app.user} -p${accounts.app.password} t`;
  say(`The clients have stopped, the site keeps running. To look at it:
  npx mmm-status --conf ${files.mmm} --watch
  npx mmm-status --conf ${files.mmm} events
  npx mmm-control --conf ${files.mmm} switchover
  redis-cli -p ${redis.port} subscribe mmm-switch-channel
  mariadb ${client}
  ls ${folder}
Ctrl-C stops and removes everything.`);
  await interrupted;
}

function transactions(count: number): string {
  return count === 1 ? 'one transaction' : `up to ${count} transactions`;
}

function say(text: string): void {
  console.log(text);
}
