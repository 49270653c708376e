/** mmm-agent as a program: discovers the members it serves, one loop for each. */
import { loadAgentConfig } from '../config/agent.ts';
import type { AgentConfig } from '../config/types.ts';
import { createServer } from '../mysql/server.ts';
import { createPostman } from '../notify/smtp.ts';
import type { Log, Server } from '../ports.ts';
import { createMailbox, forgetMail } from '../system/mailbox.ts';
import { type Agent, createAgent } from './agent.ts';
import type { DaemonProgram, Runtime } from './boot.ts';
import { type Loop, startLoop } from './loop.ts';
import { type Mailer, startMailer } from './mailer.ts';
import { createTrouble } from './trouble.ts';

/** How often to look for clusters and members that are new. */
const DISCOVER_MS = 1000;
/** Until the first one is found. */
const SEARCH_MS = 200;

export const agentProgram: DaemonProgram<AgentConfig> = {
  name: 'mmm-agent',
  load: ({ conf, redis }) => loadAgentConfig(conf, redis === null ? {} : { redis }),
  async run(config, runtime, { tags }) {
    const { hub, clock, memory, log } = runtime;
    if (config.mysql.members === null) {
      log.warn({}, 'no [mysql] members: whoever can write to redis can make this agent log in anywhere');
    }
    const agent = createAgent({
      id: config.state.id,
      hub,
      clock,
      memory,
      log,
      servers: (address) => connectTo(config, address),
      allowed: config.mysql.members,
      tags,
      attempts: config.mysql.tryOnFailure,
      blocks: config.mysql.block !== null,
      startsClosed: config.mysql.startsClosed === 'auto' ? null : config.mysql.startsClosed === 'yes',
    });
    const mailer = await mailerOf(config, runtime);
    await serve(agent, runtime, log, mailer);
    agent.end();
    await mailer?.done;
  },
};

/** null: mail is off, or cannot be told apart from what was told before. */
async function mailerOf(config: AgentConfig, runtime: Runtime): Promise<Mailer | null> {
  const { hub, clock, signal } = runtime;
  const { dir, id } = config.state;
  const log = runtime.log.child({ job: 'mail' });
  try {
    if (config.mail === null) {
      await forgetMail(dir);
      return null;
    }
    const mailbox = await createMailbox({ dir, log });
    const postman = createPostman(config.mail);
    return startMailer({ hub, clock, log, mailbox, postman, by: `mmm-agent ${id}`, signal });
  } catch (err) {
    log.error({ err, dir }, 'no mail is sent: cannot read the state directory');
    return null;
  }
}

async function serve(agent: Agent, runtime: Runtime, log: Log, mailer: Mailer | null): Promise<void> {
  const { hub, clock, signal } = runtime;
  const keepers = new Map<string, Loop>();
  const watched = new Set<string>();
  const kept = new Set<string>();
  const trouble = createTrouble(log);

  const discover = async (): Promise<void> => {
    const members = await agent.members();
    for (const { uniqsign, address } of members) {
      const key = `${uniqsign} ${address}`;
      if (!keepers.has(key)) keepers.set(key, keep(uniqsign, address));
      mailer?.follow(uniqsign);
      if (watched.has(uniqsign)) continue;
      watched.add(uniqsign);
      await hub.watch(
        [uniqsign],
        (sign, hint) => (hint === 'topology' || hint === 'reconnected') && wake(sign),
        signal,
      );
    }
    trouble.over();
    if (members.every(({ uniqsign, address }) => kept.has(`${uniqsign} ${address}`))) runtime.ready();
  };

  const keep = (uniqsign: string, address: string): Loop => {
    const own = createTrouble(log.child({ uniqsign, member: address }));
    let everyMs = DISCOVER_MS;
    const step = async (): Promise<void> => {
      everyMs = await agent.keep(uniqsign, address);
      own.over();
      kept.add(`${uniqsign} ${address}`);
    };
    return startLoop({ clock, everyMs: () => everyMs, step, onError: own.report, signal });
  };

  const wake = (uniqsign: string): void => {
    for (const [key, loop] of keepers) if (key.startsWith(`${uniqsign} `)) loop.wake();
    mailer?.wake();
  };

  const everyMs = (): number => (keepers.size === 0 ? SEARCH_MS : DISCOVER_MS);
  const discovery = startLoop({ clock, everyMs, step: discover, onError: trouble.report, signal });
  await discovery.done;
  await Promise.all([...keepers.values()].map((loop) => loop.done));
}

function connectTo(config: AgentConfig, address: string): Server {
  const { user, password, database, charset, connectTimeoutMs } = config.mysql;
  return createServer({
    address,
    user,
    password,
    database: database ?? '',
    charset,
    connectTimeoutMs,
    excludeUsers: [],
    blocking: config.mysql.block,
  });
}
