/** What the daemons know from their configuration files: typed, defaulted, checked. */
import type { Policy } from '../core/model.ts';

export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly db: number;
  /** Channel of the ancestor's message. */
  readonly topic: string;
  /** null: without TLS. */
  readonly tls: TlsConfig | null;
}

/** Certificates and the key as they stand in their files (PEM). */
export interface TlsConfig {
  /** Who has to have signed the server's certificate. */
  readonly ca: string;
  /** What we show of ourselves; null: nothing. */
  readonly cert: string | null;
  readonly key: string | null;
  /** The name its certificate must have; null: the host that is connected to. */
  readonly servername: string | null;
}

export interface StateConfig {
  /** Folder of what must survive a restart. */
  readonly dir: string;
  /** Who this daemon is among its like. */
  readonly id: string;
}

/** One cluster of `mmm.conf`. */
export interface ClusterConfig {
  readonly tag: string;
  readonly uniqsign: string;
  /** primaryhost first. */
  readonly masters: readonly string[];
  readonly database: string | null;
  readonly user: string;
  readonly password: string;
  /** Users that do not count as clients. */
  readonly excludeUsers: readonly string[];
  readonly charset: string;
  readonly connectTimeoutMs: number;
  /** Longest period of the legacy check hash. */
  readonly intervalMs: number;
  readonly probeTimeoutMs: number;
  readonly monitorLogfile: string | null;
  readonly identifyLogfile: string | null;
  /** Puts a silent writer out of service from outside (`fence_cmd`), in words; placeholders untouched. */
  readonly fenceCmd: readonly string[] | null;
  readonly policy: Policy;
}

export interface MmmConfig {
  readonly file: string;
  readonly clusters: readonly ClusterConfig[];
  readonly redis: RedisConfig;
  readonly state: StateConfig;
  readonly logFile: string | null;
  /** `file:line: sentence`, for the log. */
  readonly warnings: readonly string[];
}

export interface AgentMysqlConfig {
  readonly database: string | null;
  readonly user: string;
  readonly password: string;
  readonly charset: string;
  readonly connectTimeoutMs: number;
  /** Attempts per pass before a warning. */
  readonly tryOnFailure: number;
  /** Whether the servers start read-only; `auto` asks them. */
  readonly startsClosed: 'auto' | 'yes' | 'no';
  /** Only addresses the agent may log in to; null: any. */
  readonly members: readonly string[] | null;
  /** The servers this agent sits next to (`this`); empty: it serves all members from wherever it runs. */
  readonly locals: readonly LocalConfig[];
  /** Accounts that only the writer's clients may use; null: none is looked at. */
  readonly block: BlockConfig | null;
}

/** A server on the agent's own machine. */
export interface LocalConfig {
  /** As the tag spells it. */
  readonly address: string;
  /** Where the server writes its pid; null: its process is found by its port. */
  readonly pidFile: string | null;
}

/** Regular expressions that the server evaluates; both must match. */
export interface BlockConfig {
  readonly user: string;
  readonly host: string;
}

/** Where mail goes. */
export interface MailConfig {
  readonly host: string;
  readonly port: number;
  readonly sender: string;
  readonly receivers: readonly string[];
}

export interface AgentConfig {
  readonly file: string;
  readonly mysql: AgentMysqlConfig;
  /** null: nobody gets mail. */
  readonly mail: MailConfig | null;
  readonly redis: RedisConfig;
  readonly state: StateConfig;
  readonly logFile: string | null;
  readonly warnings: readonly string[];
}

/** Something a sidecar keeps in line with the topology. */
export interface TargetConfig {
  readonly name: string;
  readonly kind: 'haproxy' | 'file';
  /** Tags. */
  readonly clusters: readonly string[];
  /** null: the kind's own. */
  readonly template: string | null;
  readonly dest: string;
  /** Permissions of `dest`. */
  readonly mode: number;
  /** Split into words; placeholders untouched. */
  readonly checkCmd: readonly string[] | null;
  readonly reloadCmd: readonly string[] | null;
  readonly sockets: readonly string[];
  readonly backend: string | null;
  /** By tag: where to reach the writer through the proxy. */
  readonly listen: Readonly<Record<string, string>>;
  /** By tag: where the proxy listens. */
  readonly bind: Readonly<Record<string, string>>;
  readonly verifyUser: string | null;
  readonly verifyPassword: string | null;
  /** Every key of the section but secrets, as written. */
  readonly options: Readonly<Record<string, string>>;
}

export interface SidecarClusterConfig {
  readonly tag: string;
  readonly uniqsign: string;
  /** No other address is ever rendered. */
  readonly members: readonly string[];
}

export interface SidecarConfig {
  readonly file: string;
  readonly redis: RedisConfig;
  readonly state: StateConfig;
  readonly logFile: string | null;
  readonly templatesDir: string | null;
  readonly reconcileMs: number;
  readonly commandTimeoutMs: number;
  readonly clusters: readonly SidecarClusterConfig[];
  readonly targets: readonly TargetConfig[];
  readonly warnings: readonly string[];
}

/** What the command line adds. */
export interface LoadOptions {
  /** `host:port` instead of the file's `[redis] host`. */
  readonly redis?: string;
  /** Only these clusters. */
  readonly tags?: readonly string[];
}
