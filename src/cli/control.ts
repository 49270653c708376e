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
      options: [{ flags: '--to <HOST:PORT>', about: 'the new writer', fallback: 'the best standby' }],
    },
    { name: 'pause', about: 'no automatic failover until resume' },
    { name: 'resume', about: 'automatic failover again' },
    { name: 'forget', args: '<SIDECAR_ID>', about: 'take a sidecar that is gone for good off the register' },
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
    const timeoutMs = durationMs('--timeout', String(context.options.timeout ?? '30s'));
    const config = await loadMmmConfig(context.conf, {
      tags: context.tags,
      ...(context.redis === undefined ? {} : { redis: context.redis }),
    });
    const cluster = onlyCluster(config);
    const request = requestOf(context, cluster);
    const hub = createRedisHub(config.redis);
    try {
      const reply = await ask(hub, cluster, request, { timeoutMs, stop: interrupted() });
      const warning =
        reply.ok && request.verb === 'switchover' ? await followSidecars(hub, cluster, reply) : '';
      return report(cluster, reply, warning);
    } finally {
      await hub.close();
    }
  },
};

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
  const sidecar = context.args[0];
  if (sidecar !== undefined && !Id.safeParse(sidecar).success) {
    throw new UsageError('a sidecar id consists of letters, digits and "_.:-"; mmm-status lists them');
  }
  return {
    v: 1,
    id: `control-${randomUUID()}`,
    verb: context.verb as Request['verb'],
    to: to === undefined ? null : String(to),
    sidecar: sidecar ?? null,
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
