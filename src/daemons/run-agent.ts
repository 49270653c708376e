/** mmm-agent as a program: everything it works with, made from its configuration. */
import { loadAgentConfig } from '../config/agent.ts';
import type { AgentConfig, LocalConfig } from '../config/types.ts';
import { createLocalServer } from '../host/local-server.ts';
import { createServer } from '../mysql/server.ts';
import { createPostman } from '../notify/smtp.ts';
import type { Server } from '../ports.ts';
import { createExec } from '../system/exec.ts';
import { createMailbox, forgetMail } from '../system/mailbox.ts';
import { createAgent } from './agent.ts';
import type { DaemonProgram, Runtime } from './boot.ts';
import type { Local } from './lease-keeper.ts';
import { type Mailer, startMailer } from './mailer.ts';
import { serve } from './serve-agent.ts';

/** For asking a database server which options it would start with. */
const ASK_OPTIONS_MS = 5000;

export const agentProgram: DaemonProgram<AgentConfig> = {
  name: 'mmm-agent',
  load: ({ conf, redis }) => loadAgentConfig(conf, redis === null ? {} : { redis }),
  async run(config, runtime, { tags }) {
    const { hub, clock, memory, log, signal, ready } = runtime;
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
      locals: config.mysql.locals.map((local) => localOf(config, local)),
    });
    const mailer = await mailerOf(config, runtime);
    await serve(agent, { hub, clock, signal, log, mailer, ready });
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

function localOf(config: AgentConfig, { address, pidFile }: LocalConfig): Local {
  const { run } = createExec({ timeoutMs: ASK_OPTIONS_MS });
  return {
    address,
    connect: (onLost) => connectTo(config, address, onLost),
    host: createLocalServer({ address, pidFile, run }),
  };
}

function connectTo(config: AgentConfig, address: string, onLost?: () => void): Server {
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
    ...(onLost === undefined ? {} : { onLost }),
  });
}
