/** The command lines of the four daemons. */
import { type CommonConfig, type DaemonProgram, runDaemon } from '../daemons/boot.ts';
import { agentProgram } from '../daemons/run-agent.ts';
import { identifyProgram } from '../daemons/run-identify.ts';
import { monitorProgram } from '../daemons/run-monitor.ts';
import { sidecarProgram } from '../daemons/run-sidecar.ts';
import type { Program } from './main.ts';

export const monitorCommand = command(
  monitorProgram,
  'Looks at every member of every cluster and writes what it saw to Redis.',
  '/etc/mmm-manager/mmm.conf',
);

export const identifyCommand = command(
  identifyProgram,
  'Decides which member takes writes, drives handovers and publishes the topology.',
  '/etc/mmm-manager/mmm.conf',
);

export const agentCommand = command(
  agentProgram,
  'Makes the MySQL servers agree with the topology. Stopping it leaves them as they are.',
  '/etc/mmm-manager/mmm-agent.conf',
  { withoutTag: 'every cluster found in Redis' },
);

export const sidecarCommand = command(
  sidecarProgram,
  'Makes local routing (haproxy, files) agree with the topology. Stopping it leaves it as it is.',
  '/etc/mmm-manager/mmm-sidecar.conf',
);

function command<C extends CommonConfig>(
  program: DaemonProgram<C>,
  about: string,
  defaultConf: string,
  more: Pick<Program, 'withoutTag'> = {},
): Program {
  return {
    name: program.name,
    about: `${about} Stays in the foreground, logs JSON lines, stops on TERM or INT, reads its configuration again on HUP.`,
    defaultConf,
    ...more,
    run: ({ conf, tags, redis, debug }) => runDaemon(program, { conf, tags, redis: redis ?? null, debug }),
  };
}
