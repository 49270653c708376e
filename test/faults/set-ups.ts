import type { SiteOptions } from './hosts.ts';

/** One agent for both servers, everything at its default. */
export const central: SiteOptions = { agents: 'central' };

/**
 * An agent beside each server, nothing opened without proof. The term is 2 s instead of 5 s, which makes the rows
 * shorter and the times between which everything must fit narrower.
 */
export const local: SiteOptions = {
  agents: 'local',
  clusterKeys: ['fencing=strict', 'lease_ttl=2s', 'freeze_timeout=1s'],
};
