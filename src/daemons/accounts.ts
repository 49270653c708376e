/** The accounts of applications on one member: brought in line beside the deeds of its keeper, told and tried again. */
import { accountsWished } from '../core/accounts.ts';
import type { Look, Topology } from '../core/model.ts';
import type { Log, Server, TendOptions } from '../ports.ts';

export interface AccountKeeper {
  /** Why accounts are not as they should be; empty when they are. */
  readonly trouble: string;
  /** Before the server is closed: a client that is cut off must not come back. At most a quarter of `withinMs`. */
  beforeClosing(t: Topology, withinMs: number): Promise<void>;
  /** As soon as the server is open. */
  afterOpening(t: Topology): Promise<void>;
  /** While nothing else is due. */
  steadily(t: Topology, look: Look): Promise<void>;
}

/** Clients wait for the end of it. */
const HANDOVER_MS = 500;
/** As long as a look may take: a handover that begins meanwhile waits for it. */
const STEADY_MS = 1000;

export function createAccountKeeper(options: {
  readonly address: string;
  readonly server: Server;
  readonly log: Log;
  /** Without it no account is ever looked at. */
  readonly enabled: boolean;
}): AccountKeeper {
  const { address, server, log } = options;
  let trouble = '';
  let exceptions = '';

  async function tend(t: Topology, how: Omit<TendOptions, 'spare'>): Promise<void> {
    if (!options.enabled) return;
    const { monitorUser } = t.policy;
    if (!how.usable && monitorUser === '') return say(`accounts of ${address} are not locked: ${UNNAMED}`);
    const result = await server.tendAccounts({ ...how, spare: [monitorUser] });
    const fields = { member: address, generation: t.generation };
    if (result.changed.length > 0) {
      log.info({ ...fields, accounts: result.changed }, how.usable ? 'released accounts' : 'locked accounts');
    }
    if (result.exceptions !== '' && result.exceptions !== exceptions) {
      exceptions = result.exceptions;
      log.warn({ ...fields, accounts: exceptions }, 'accounts that match block_user are not locked');
    }
    say(result.trouble);
  }

  function say(why: string): void {
    if (why !== '' && why !== trouble)
      log.warn({ member: address, reason: why }, 'accounts are not as they should be');
    if (why === '' && trouble !== '') log.info({ member: address }, 'accounts are as they should be again');
    trouble = why.slice(0, MOST_CHARS);
  }

  return {
    get trouble() {
      return trouble;
    },
    beforeClosing: (t, withinMs) =>
      tend(t, {
        usable: false,
        whileWritable: true,
        endSessions: false,
        withinMs: Math.min(HANDOVER_MS, withinMs / 4),
      }),
    afterOpening: (t) =>
      tend(t, { usable: true, whileWritable: false, endSessions: false, withinMs: HANDOVER_MS }),
    async steadily(t, look) {
      const wished = accountsWished(t, address, look);
      if (wished === null) return;
      const usable = wished === 'usable';
      await tend(t, { usable, whileWritable: false, endSessions: !usable, withinMs: STEADY_MS });
    },
  };
}

const UNNAMED = 'the topology does not name the account of mmm-monitor yet; restart mmm-identify';
const MOST_CHARS = 2000;
