/** The clients of every row, and how long they were without an acknowledgement. */
import { pause } from '../test/support/eventually.ts';
import { writeGap } from '../test/support/journal.ts';
import { accounts } from '../test/support/mariadb-template.ts';
import { startWorkload, type Workload } from '../test/support/workload.ts';

export interface Gap {
  readonly gapMs: number;
  readonly slowestClientMs: number;
}

let nextClient = 1;

/** 8 clients through haproxy, 15 ms pause each; resolves when all of them write. */
async function startTraffic(port: number): Promise<Workload> {
  const workload = startWorkload({
    port,
    ...accounts.app,
    database: 't',
    pauseMs: 15,
    firstClient: nextClient,
  });
  nextClient += 8;
  await workload.flowing(10);
  // A fault comes at any phase of the daemons' periods.
  await pause(Math.random() * 500);
  return workload;
}

/** Does `disturb` under traffic; resolves with the gap that it made once every client writes again. */
export async function gapUnderTraffic(port: number, disturb: () => Promise<void>): Promise<Gap> {
  const workload = await startTraffic(port);
  try {
    const startMs = performance.now();
    await disturb();
    await workload.flowing(10);
    return writeGap(workload.journal, startMs);
  } finally {
    await workload.stop();
  }
}
