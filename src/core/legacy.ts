/** The ancestor's view of a member, to the byte: existing templates and scripts read them. */
import type { LegacyCheck, Link, Probe } from './model.ts';

/** The `-check` hash. Unlike the ancestor, an unknown lag is -1 and no lag is 0. `link`: from the other master. */
export function legacyCheck(probe: Probe, link: Link | undefined, epochMs: number): LegacyCheck {
  const last_check = String(Math.floor(epochMs / 1000));
  const { look } = probe;
  if (look === null) {
    return { ping: '0', repl_check: 'Error', read_only: '-1', delay_sec: '-1', conn_nums: '-1', last_check };
  }
  return {
    ping: '1',
    repl_check: replicationCheck(link),
    read_only: look.readOnly ? '1' : '0',
    delay_sec: String(link?.lagSeconds ?? -1),
    conn_nums: String(look.clients),
    last_check,
  };
}

function replicationCheck(link: Link | undefined): string {
  if (link?.io !== 'yes' || link.sql !== 'yes' || link.lagSeconds === null) return 'Error';
  return link.lagSeconds === 0 ? 'OK' : `Delay ${link.lagSeconds} Seconds`;
}
