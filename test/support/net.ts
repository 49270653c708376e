/**
 * Hosts of a test as network namespaces: one switch, one address each, faults that packets meet on their way.
 * Names carry the pid of the run, so that runs do not meet, and so that a later run clears away what a killed one left.
 */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Net<Host extends string> extends AsyncDisposable {
  /** Name of the host's network namespace. */
  namespace(host: Host): string;
  /** Its IPv4 address; the same in every run, because every run has a switch of its own. */
  address(host: Host): string;
  /** Nothing enters or leaves the host any more, and nobody is told. */
  cutOff(host: Host): Promise<void>;
  /** These two lose each other's packets. */
  part(one: Host, other: Host): Promise<void>;
  /** What `host` sends arrives; what `others` answer does not. */
  deafen(host: Host, others: readonly Host[]): Promise<void>;
  /** Ends every fault of this host; what was parted must be healed on both. */
  heal(...hosts: readonly Host[]): Promise<void>;
}

/** What is missing on this machine for network namespaces, in words; null when nothing is. */
export async function missingForNet(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'root (network namespaces and packet filters)';
  const tools = [
    [IP, ['netns', 'list'], 'iproute2 and a kernel with network namespaces'],
    ['iptables', ['--version'], 'iptables'],
  ] as const;
  for (const [program, args, what] of tools) {
    const works = await run(program, args).then(
      () => true,
      () => false,
    );
    if (!works) return what;
  }
  const probe = `${PREFIX}${process.pid}-probe`;
  const made = await run(IP, ['netns', 'add', probe]).then(
    () => null,
    (error: Error) => `network namespaces (${error.message.trim()})`,
  );
  await run(IP, ['netns', 'del', probe]).catch(() => undefined);
  return made;
}

/** Makes the hosts and the switch between them (about 60 ms). */
export async function startNet<Host extends string>(hosts: readonly Host[]): Promise<Net<Host>> {
  await clearAway();
  const id = `${PREFIX}${process.pid}-${randomBytes(3).toString('hex')}`;
  const namespace = (host: string) => `${id}-${host}`;
  const all = ['switch', ...hosts].map(namespace);
  const dispose = async () => {
    process.off('exit', atOnce);
    for (const name of all) await remove(name);
  };
  const atOnce = () => removeNow(all);
  process.on('exit', atOnce);
  const address = (host: Host) => `${SUBNET}.${hosts.indexOf(host) + 1}`;
  try {
    await ip(switchCommands(namespace('switch')));
    for (const [index, host] of hosts.entries())
      await ip(hostCommands(namespace(host), namespace('switch'), `p${index}`, address(host)));
  } catch (error) {
    await dispose();
    throw error;
  }
  const drop = (host: Host, ...rules: readonly string[][]) =>
    Promise.all(rules.map((rule) => filter(namespace(host), ['-A', ...rule, '-j', 'DROP'])));
  return {
    namespace,
    address,
    cutOff: async (host) => void (await drop(host, ['INPUT', '-i', 'eth0'], ['OUTPUT', '-o', 'eth0'])),
    part: async (one, other) => {
      await Promise.all([
        drop(one, ['INPUT', '-s', address(other)]),
        drop(other, ['INPUT', '-s', address(one)]),
      ]);
    },
    deafen: async (host, others) =>
      void (await drop(host, ...others.map((other) => ['INPUT', '-s', address(other)]))),
    heal: async (...healed) => {
      await Promise.all(healed.map((host) => filter(namespace(host), ['-F'])));
    },
    [Symbol.asyncDispose]: dispose,
  };
}

const IP = 'ip';
const PREFIX = 'mmmf-';
const SUBNET = '10.77.0';

function switchCommands(name: string): readonly string[] {
  return [`netns add ${name}`, `-n ${name} link add sw0 type bridge`, `-n ${name} link set sw0 up`];
}

function hostCommands(name: string, hub: string, port: string, address: string): readonly string[] {
  return [
    `netns add ${name}`,
    `-n ${hub} link add ${port} type veth peer name eth0 netns ${name}`,
    `-n ${hub} link set ${port} master sw0 up`,
    `-n ${name} link set lo up`,
    `-n ${name} link set eth0 up`,
    `-n ${name} addr add ${address}/24 dev eth0`,
  ];
}

async function ip(commands: readonly string[]): Promise<void> {
  for (const command of commands) await run(IP, command.split(' '), { timeout: 10_000 });
}

async function filter(namespace: string, args: readonly string[]): Promise<void> {
  const command = ['netns', 'exec', namespace, 'iptables', '-w', '5', ...args];
  await run(IP, command, { timeout: 10_000 });
}

/** What runs of this kind that are no more have left: their processes and their namespaces. */
async function clearAway(): Promise<void> {
  const { stdout } = await run(IP, ['netns', 'list']);
  const names = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    console.warn(`clearing away ${name}, left by a run that was killed`);
    await remove(name);
  }
}

/** Ends what still runs in the namespace, then removes it. */
async function remove(name: string): Promise<void> {
  const inside = await run(IP, ['netns', 'pids', name]).catch(() => ({ stdout: '' }));
  for (const pid of inside.stdout.split('\n').filter((line) => line !== '')) kill(Number(pid));
  await run(IP, ['netns', 'del', name]).catch(() => undefined);
}

function removeNow(names: readonly string[]): void {
  for (const name of names) {
    try {
      const inside = execFileSync(IP, ['netns', 'pids', name], { encoding: 'utf8', stdio: 'pipe' });
      for (const pid of inside.split('\n').filter((line) => line !== '')) kill(Number(pid));
      execFileSync(IP, ['netns', 'del', name], { stdio: 'pipe' });
    } catch {
      // Not made yet, or gone already.
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
