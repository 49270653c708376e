/** Faults after which the writer must have closed itself before the other one opens. */
import type { Row, Scene } from '../row.ts';
import { central, local } from '../set-ups.ts';

const replaced = { writer: 'other', failovers: 1 } as const;

export const writerLost: readonly Row[] = [
  {
    name: 'writer-host-cut',
    promise: "the writer's host is cut off from everything: it closes itself, then the other one opens",
    site: local,
    everyRun: true,
    expects: replaced,
    async disturb(scene) {
      scene.mark('dba is cut off');
      await scene.site.net.cutOff('dba');
      await takenOver(scene);
    },
  },
  {
    name: 'central-writer-host-cut',
    promise: "the writer's host is cut off, the agent is central: clients behind haproxy have one writer",
    site: central,
    // Nobody can close it where nobody reaches it; no client does either.
    expects: { ...replaced, accepts: ['two writable', 'alternating'] },
    async disturb(scene) {
      scene.mark('dba is cut off');
      await scene.site.net.cutOff('dba');
      await takenOver(scene);
    },
  },
  {
    name: 'writer-cut-from-both',
    promise: 'the writer loses Redis and its peer while clients still reach it: it closes itself first',
    site: local,
    everyRun: true,
    direct: true,
    expects: replaced,
    async disturb(scene) {
      scene.mark('dba is parted from hub and dbb');
      await scene.site.net.part('dba', 'hub');
      await scene.site.net.part('dba', 'dbb');
      await takenOver(scene);
    },
  },
  {
    name: 'replies-lost',
    promise: 'what the writer sends arrives, what Redis and its peer answer does not: it closes itself first',
    site: local,
    direct: true,
    expects: replaced,
    async disturb(scene) {
      scene.mark('dba does not hear hub and dbb');
      await scene.site.net.deafen('dba', ['hub', 'dbb']);
      await takenOver(scene);
    },
  },
  {
    name: 'agent-dead-15s',
    promise: "the writer's agent is killed and stays dead for 15 s: the server closes itself, then failover",
    site: local,
    direct: true,
    expects: replaced,
    async disturb(scene) {
      const { site, mark, passes } = scene;
      const since = performance.now();
      mark('kill -9 mmm-agent on dba');
      await site.agentOfA.kill9();
      await takenOver(scene);
      await passes(Math.max(0, 15_000 - (performance.now() - since)));
    },
  },
  {
    name: 'host-cut-and-agent-dead',
    promise: "the writer's host is cut off and its agent dies at once: the server closes itself all the same",
    site: local,
    everyRun: true,
    expects: replaced,
    async disturb(scene) {
      scene.mark('dba is cut off, kill -9 mmm-agent on it');
      await Promise.all([scene.site.agentOfA.kill9(), scene.site.net.cutOff('dba')]);
      await takenOver(scene);
    },
  },
  {
    name: 'agent-frozen-60s',
    promise: "the writer's agent is frozen for 60 s: the server closes itself, and it wakes up as a standby",
    site: local,
    direct: true,
    expects: replaced,
    async disturb(scene) {
      const { site, mark, passes } = scene;
      const since = performance.now();
      mark('mmm-agent on dba is frozen');
      site.agentOfA.freeze();
      await takenOver(scene);
      await passes(Math.max(0, 60_000 - (performance.now() - since)));
    },
  },
  {
    name: 'mysqld-killed',
    promise: "the writer's mysqld is killed: its agent proves it gone, the other one opens at once",
    site: { agents: 'local', clusterKeys: ['fencing=strict'] },
    expects: replaced,
    async disturb(scene) {
      scene.mark('kill -9 mysqld on dba');
      await scene.writer.kill9();
      await takenOver(scene);
    },
  },
  {
    name: 'mysqld-frozen-5s',
    promise: "the writer's mysqld is frozen for 5 s: its agent ends it, then the other one opens",
    site: { agents: 'local', clusterKeys: ['fencing=strict'] },
    everyRun: true,
    direct: true,
    expects: replaced,
    disturb: (scene) => freezeServer(scene, 5_000),
  },
  {
    name: 'mysqld-frozen-60s',
    promise: "the writer's mysqld is frozen for 60 s: its agent ends it, nothing wakes up",
    site: local,
    expects: replaced,
    disturb: (scene) => freezeServer(scene, 60_000),
  },
  {
    name: 'host-paused',
    promise: 'agent and mysqld of the writer stand still together for less than W: never two writers',
    site: { agents: 'local', clusterKeys: ['fencing=strict'] },
    direct: true,
    expects: { writer: 'any', failovers: 1 },
    async disturb({ site, writer, mark, passes }) {
      mark('mmm-agent and mysqld of dba are frozen');
      site.agentOfA.freeze();
      writer.freeze();
      await passes(6_000);
      mark('and go on');
      writer.thaw();
      site.agentOfA.thaw();
      await passes(8_000);
    },
  },
  {
    name: 'flapping-link',
    promise: "the link of the writer's host is 3 s down, 3 s up, again and again: one failover at most",
    site: local,
    direct: true,
    expects: { writer: 'any', failovers: 1 },
    async disturb({ site, mark, passes }) {
      for (let round = 0; round < 4; round += 1) {
        mark('dba is cut off');
        await site.net.cutOff('dba');
        await passes(3_000);
        mark('dba is back');
        await site.net.heal('dba');
        await passes(3_000);
      }
    },
  },
];

async function takenOver({ site, standby, clients, mark }: Scene): Promise<void> {
  await site.stable(standby, 30_000);
  mark('haproxy leads to the other one');
  await clients.flowing(5, 30_000);
}

async function freezeServer(scene: Scene, forMs: number): Promise<void> {
  const { writer, mark, passes } = scene;
  const since = performance.now();
  mark('mysqld of dba is frozen');
  writer.freeze();
  await takenOver(scene);
  // A process that was ended will not wake up, however long one waits.
  if (writer.pid === 0) mark('its process is gone');
  else await passes(Math.max(0, forMs - (performance.now() - since)));
  writer.thaw();
  await takenOver(scene);
}
