/** The hosts of a site, and how it may be set up. */

export const HOSTS = ['dba', 'dbb', 'hub', 'mon', 'app'] as const;
export type Host = (typeof HOSTS)[number];

export interface SiteOptions {
  /** One agent beside each server, or one for both on the host that decides. */
  readonly agents: 'local' | 'central';
  /** How many mmm-identify; the second one runs beside Redis. Default 1. */
  readonly identifies?: 1 | 2;
  /** More keys for the tag section of mmm.conf. */
  readonly clusterKeys?: readonly string[];
}

/** Name of the cluster in the configuration files. */
export const TAG = 'orders';
