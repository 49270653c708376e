/** The product's programs as they are, with a runtime of this simulation. */
import type { AgentConfig, MmmConfig } from '../../src/config/types.ts';
import type { CommonConfig, DaemonProgram, Runtime } from '../../src/daemons/boot.ts';
import { agentProgram } from '../../src/daemons/run-agent.ts';
import { identifyProgram } from '../../src/daemons/run-identify.ts';
import { monitorProgram } from '../../src/daemons/run-monitor.ts';
import type { Hub, Log, Memory } from '../../src/ports.ts';
import type { ProgramLog } from '../../src/system/log.ts';
import type { Life } from './process.ts';
import { A, B, type Setup, TAG, UNIQSIGN } from './setup.ts';

/** What a process has besides its program. */
export interface Surroundings {
  readonly setup: Setup;
  readonly hub: Hub;
  readonly memory: Memory;
  readonly log: Log;
}

const INVOCATION = { conf: '', tags: [], redis: null, debug: false };

export function runMonitor(life: Life, around: Surroundings): Promise<void> {
  return run(monitorProgram, mmmConfig(life, around.setup), life, around);
}

export function runIdentify(life: Life, around: Surroundings): Promise<void> {
  return run(identifyProgram, mmmConfig(life, around.setup), life, around);
}

/** `beside`: the server it sits next to; null: a central agent. */
export function runAgent(life: Life, around: Surroundings, beside: string | null): Promise<void> {
  const config: AgentConfig = {
    ...common(life),
    mysql: {
      database: null,
      user: life.process.name,
      password: '',
      charset: 'utf8mb4',
      connectTimeoutMs: 1000,
      tryOnFailure: 3,
      startsClosed: 'auto',
      members: [A, B],
      locals: beside === null ? [] : [{ address: beside, pidFile: null }],
      block: around.setup.blocks ? { user: 'app', host: '.*' } : null,
    },
    mail: null,
  };
  return run(agentProgram, config, life, around);
}

function run<C extends CommonConfig>(
  program: DaemonProgram<C>,
  config: C,
  life: Life,
  { hub, memory, log }: Surroundings,
): Promise<void> {
  const programLog: ProgramLog = {
    ...log,
    forCluster: () => log,
    reopen: () => undefined,
    close: () => undefined,
    drained: async () => undefined,
  };
  const runtime: Runtime<C> = {
    hub,
    clock: life.clock,
    log: programLog,
    memory,
    signal: life.signal,
    successor: () => null,
    ready: () => undefined,
  };
  return program.run(config, runtime, INVOCATION);
}

function mmmConfig(life: Life, setup: Setup): MmmConfig {
  return {
    ...common(life),
    clusters: [
      {
        tag: TAG,
        uniqsign: UNIQSIGN,
        masters: [A, B],
        database: null,
        user: life.process.name,
        password: '',
        excludeUsers: [],
        charset: 'utf8mb4',
        connectTimeoutMs: 1000,
        intervalMs: 3000,
        probeTimeoutMs: 1000,
        monitorLogfile: null,
        identifyLogfile: null,
        fenceCmd: setup.withFenceCmd ? ['fence', life.process.name, '{{address}}'] : null,
        policy: setup.policy,
      },
    ],
  };
}

function common(life: Life): CommonConfig {
  return {
    file: 'simulated.conf',
    redis: {
      host: 'R',
      port: 6379,
      username: null,
      password: null,
      db: 0,
      topic: 'mmm-switch-channel',
      tls: null,
    },
    state: { dir: '', id: life.process.name },
    logFile: null,
    warnings: [],
  };
}
