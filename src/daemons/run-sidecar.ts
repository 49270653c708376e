/** mmm-sidecar as a program. */
import { loadSidecarConfig } from '../config/sidecar.ts';
import type { SidecarConfig } from '../config/types.ts';
import { createExec } from '../system/exec.ts';
import type { DaemonProgram } from './boot.ts';
import { createSidecar } from './sidecar.ts';

export const sidecarProgram: DaemonProgram<SidecarConfig> = {
  name: 'mmm-sidecar',
  load: ({ conf, tags, redis }) => loadSidecarConfig(conf, { tags, ...(redis !== null && { redis }) }),
  async run(config, { hub, clock, memory, log, signal, ready }) {
    const exec = createExec({ timeoutMs: config.commandTimeoutMs });
    await createSidecar({ config, hub, clock, memory, log, run: exec.run, onReady: ready }).start(signal);
  },
};
