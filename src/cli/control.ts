import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { loadMmmConfig } from '../config/mmm.ts';
import type { ClusterConfig, MmmConfig } from '../config/types.ts';
import { Id, type Request } from '../core/model.ts';
import { UsageError } from '../errors.ts';
import { createRedisHub } from '../hub/redis-hub.ts';
import { ask, type Reply } from './ask.ts';
import { durationMs } from './duration.ts';
import { interrupted } from './interrupt.ts';
import type { Context, Program } from './main.ts';
import { printable } from './print.ts';
import { followSidecars } from './routed.ts';

const TO = { flags: '--to <HOST:PORT>', about: 'the new writer', fallback: 'the best standby' };
const FOR = { flags: '--for <TIME>', about: 'ends by itself after that time, such as 30m' };

export const controlProgram: Program = {
  name: 'mmm-control',
  about:
    'Asks mmm-identify to do something and waits until it is done. Exit code: 0 done, 1 failed, 2 usage.',
  defaultConf: '/etc/mmm-manager/mmm.conf',
  options: [
    {
      flags: '--timeout <TIME>',
      about: 'withdraw the request when nobody has begun with it by then; it is never executed later',
      fallback: '30s',
    },
  ],
  needsVerb: true,
  verbs: [
    {
      name: 'switchover',
      about: 'make another member the writer, without losing anything',
      options: [TO, { flags: '--dry-run', about: 'only tell whether it could begin, and what would happen' }],
    },
    {
      name: 'failover',
      about: 'make another member the writer now: a dead writer is replaced, a live one closed first',
      options: [
        TO,
        {
          flags: '--force',
          about: 'the old writer is off, you have made sure: no proof of it is waited for',
        },
        { flags: '--accept-loss', about: 'open the other one whatever is lost' },
      ],
    },
    {
      name: 'set_offline',
      args: '<HOST:PORT>',
      about: 'take a standby out of service: nothing is done to it, and it is never made the writer',
      options: [{ ...FOR, fallback: 'until set_online' }],
    },
    {
      name: 'set_online',
      args: '<HOST:PORT>',
      about: 'back from set_offline; forgets the outages of one that flaps',
    },
    {
      name: 'pause',
      about: 'no automatic change of writer until resume',
      options: [{ ...FOR, fallback: 'until resume' }],
    },
    { name: 'resume', about: 'automatic failover again' },
    { name: 'forget', args: '<SIDECAR_ID>', about: 'take a sidecar that is gone for good off the register' },
    {
      name: 'errant',
      args: '<ACTION> [HOST:PORT]',
      about:
        'list, show or export the transactions that a member holds and the writer lacks; changes nothing',
      options: [
        {
          flags: '--out <FILE>',
          about: 'export: where to',
          fallback: 'a name made of member and generation, here',
        },
        {
          flags: '--user <NAME>',
          about: 'an account that may read binary logs (BINLOG MONITOR, REPLICATION SLAVE)',
          fallback: "the cluster's own",
        },
        { flags: '--password-file <FILE>', about: 'its password' },
        {
          flags: '--program <FILE>',
          about: 'what prints binary logs',
          fallback: 'mariadb-binlog or mysqlbinlog',
        },
        { flags: '--json', about: 'for programs' },
      ],
    },
    {
      name: 'leave',
      about: 'what mmm-manager may have left on servers, in Redis and in files, and what undoes it',
      options: [
        { flags: '--dry-run', about: 'required: it only tells, and changes nothing' },
        { flags: '--json', about: 'for programs' },
        {
          flags: '--agent-conf <FILE>',
          about: 'configuration of mmm-agent',
          fallback: 'mmm-agent.conf beside --conf',
        },
        {
          flags: '--sidecar-conf <FILE>',
          about: 'configuration of mmm-sidecar',
          fallback: 'mmm-sidecar.conf beside --conf',
        },
      ],
    },
  ],
  run: async (context) => {
    // Loaded only here: the other verbs need no MySQL client and shall start fast.
    if (context.verb === 'leave') return (await import('./leave.ts')).leave(context);
    if (context.verb === 'errant') return (await import('./errant.ts')).errant(context);
    const timeoutMs = durationMs('--timeout', String(context.options.timeout ?? '30s'));
    const config = await loadMmmConfig(context.conf, {
      tags: context.tags,
      ...(context.redis === undefined ? {} : { redis: context.redis }),
    });
    const cluster = onlyCluster(config);
    const request = requestOf(context, cluster);
    const hub = createRedisHub(config.redis);
    try {
      // Loaded only here: whoever asks for something in a hurry need not wait for it.
      if (context.options.dryRun === true)
        return await (await import('./dry-run.ts')).dryRun(hub, cluster, request.to);
      tellRisk(cluster, request);
      const reply = await ask(hub, cluster, request, { timeoutMs, stop: interrupted() });
      const warning =
        reply.ok && MOVES_WRITER.includes(request.verb) ? await followSidecars(hub, cluster, reply) : '';
      return report(cluster, reply, warning);
    } finally {
      await hub.close();
    }
  },
};

const MOVES_WRITER: readonly Request['verb'][] = ['switchover', 'failover'];

function tellRisk({ tag }: ClusterConfig, { force, acceptLoss }: Request): void {
  const risks = [
    ...(force
      ? [
          '--force: nothing proves that the old writer is closed. If it is not off, two servers take writes, and what the old one takes is lost',
        ]
      : []),
    ...(acceptLoss ? ['--accept-loss: what the new writer has not received and applied is lost to it'] : []),
  ];
  for (const risk of risks) process.stderr.write(`[${tag}] risk: ${risk}\n`);
}

function onlyCluster({ clusters }: MmmConfig): ClusterConfig {
  const [cluster, ...others] = clusters;
  if (cluster === undefined || others.length > 0) {
    const tags = clusters.map(({ tag }) => tag).join(', ');
    throw new UsageError(`which cluster? Say --tag with one of: ${tags}`);
  }
  return cluster;
}

function requestOf(context: Context, cluster: ClusterConfig): Request {
  const to = context.options.to;
  if (to !== undefined && !cluster.masters.includes(String(to))) {
    throw new UsageError(`--to must be a master of [${cluster.tag}]: ${cluster.masters.join(' or ')}`);
  }
  const [name] = context.args;
  const isSidecar = context.verb === 'forget';
  if (name !== undefined && isSidecar && !Id.safeParse(name).success) {
    throw new UsageError('a sidecar id consists of letters, digits and "_.:-"; mmm-status lists them');
  }
  if (name !== undefined && !isSidecar && !cluster.masters.includes(name)) {
    throw new UsageError(
      `${context.verb} takes a master of [${cluster.tag}]: ${cluster.masters.join(' or ')}`,
    );
  }
  const { force, acceptLoss, for: time } = context.options;
  return {
    v: 1,
    id: `control-${randomUUID()}`,
    verb: context.verb as Request['verb'],
    to: to === undefined ? null : String(to),
    sidecar: isSidecar ? (name ?? null) : null,
    member: isSidecar ? null : (name ?? null),
    forMs: time === undefined ? null : durationMs('--for', String(time)),
    force: force === true,
    acceptLoss: acceptLoss === true,
    by: whoAmI(),
  };
}

function whoAmI(): string {
  return `${process.env.SUDO_USER ?? userName()}@${hostname()}`.slice(0, 256);
}

/** A user without an entry in the user database has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

function report({ tag }: ClusterConfig, reply: Reply, warning: string): number {
  const text = `[${tag}] ${printable(reply.detail)}\n`;
  if (reply.ok) process.stdout.write(text);
  else process.stderr.write(text);
  if (warning !== '') process.stderr.write(`[${tag}] warning: ${printable(warning)}\n`);
  return reply.ok ? 0 : 1;
}
