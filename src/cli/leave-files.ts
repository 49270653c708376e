/** What may be left on this host's disk. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AgentConfig, MmmConfig, SidecarConfig, TargetConfig } from '../config/types.ts';
import type { LeftFile } from '../core/leave.ts';

interface Files {
  readonly mmm: MmmConfig;
  readonly agent: AgentConfig | null;
  readonly sidecar: SidecarConfig | null;
}

/** Where the shipped units keep the state of each daemon. */
const STATE_DIRS = ['/var/lib/mmm-manager', '/var/lib/mmm-sidecar'];
const SHIPPED = [
  '/etc/logrotate.d/mmm-manager',
  '/etc/tmpfiles.d/mmm-manager.conf',
  '/etc/sysusers.d/mmm-manager.conf',
];
const UNITS = '/etc/systemd/system';

/** Only what is there, except for the program itself. */
export function leftFiles(files: Files): readonly LeftFile[] {
  const all = [
    ...(files.sidecar?.targets ?? []).map(rendered),
    ...units(),
    ...SHIPPED.map((path) => removed(path, 'shipped with mmm-manager')),
    ...stateDirs(files).map((path) => ({
      path,
      what: 'state of the daemons: the highest generation each has seen',
      undo: [`rm -r ${quoted(path)}`],
    })),
    ...logFiles(files).map((path) => removed(path, 'log file')),
    ...configFiles(files).map((path) => removed(path, 'configuration, with the password files it names')),
  ];
  return [...all.filter(({ path }) => existsSync(path)), program()];
}

function rendered({ name, dest, reloadCmd }: TargetConfig): LeftFile {
  const reload = reloadCmd === null ? '' : `, then ${reloadCmd.join(' ')}`;
  return {
    path: dest,
    what: `written by mmm-sidecar (target ${name}); it leads to the writer of now, for ever: put a file of your own in its place${reload}`,
    undo: [],
  };
}

function units(): readonly LeftFile[] {
  const ours = /^mmm-(?:monitor|identify|agent|sidecar)@?\.service$/;
  const found = existsSync(UNITS) ? readdirSync(UNITS).filter((name) => ours.test(name)) : [];
  const reload = 'systemctl daemon-reload';
  return found.map((name) => ({
    path: join(UNITS, name),
    what: 'unit; the Perl programs have units of the same names: keep those',
    undo: [`rm ${join(UNITS, name)}`, reload],
  }));
}

function stateDirs({ mmm, agent, sidecar }: Files): readonly string[] {
  const named = [mmm, agent, sidecar].flatMap((config) => config?.state.dir ?? []);
  return [...new Set([...named, ...STATE_DIRS])];
}

function logFiles({ mmm, agent, sidecar }: Files): readonly string[] {
  const common = [mmm, agent, sidecar].map((config) => config?.logFile ?? null);
  const own = mmm.clusters.flatMap((cluster) => [cluster.monitorLogfile, cluster.identifyLogfile]);
  return [...new Set([...common, ...own])].filter((path) => path !== null);
}

function configFiles({ mmm, agent, sidecar }: Files): readonly string[] {
  return [mmm, agent, sidecar].flatMap((config) => config?.file ?? []);
}

function removed(path: string, what: string): LeftFile {
  return { path, what, undo: [`rm ${quoted(path)}`] };
}

function program(): LeftFile {
  const path = dirname(dirname(import.meta.dirname));
  const prefix = /^(.*)\/lib\/node_modules\/mmm-manager$/.exec(path)?.[1];
  const where = prefix === undefined ? '' : ` --prefix ${quoted(prefix)}`;
  const undo = [`npm uninstall -g${where} mmm-manager`, 'userdel mmm-manager'];
  return { path, what: 'the programs, and the user they ran as', undo };
}

/** For a shell. */
function quoted(path: string): string {
  return /^[A-Za-z0-9_./@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
