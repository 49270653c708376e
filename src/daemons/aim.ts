import type { TargetConfig } from '../config/types.ts';
import { endpoint } from '../core/address.ts';
import type { TargetState } from '../core/sidecar-deed.ts';
import { type ClusterView, clusterView } from '../core/view.ts';
import type { Resolver } from '../haproxy/resolve.ts';
import type { TargetKind } from '../targets/target.ts';
import type { Running } from './file-writer.ts';
import type { Proof, Steered, Wanted } from './steering.ts';

/** What one target shall do for one cluster, and how far it is. */
export interface Aim {
  wanted: Wanted | null;
  /** The last stable topology: what files hold, also during a handover. */
  stable: Wanted | null;
  steered: Steered | null;
  state: TargetState;
}

/** How a target stands with a topology it has just been given. */
export function freshState(name: string, kind: TargetKind): TargetState {
  const route = kind.routes ? 'busy' : 'none';
  return { name, route, file: 'waiting', down: false, routeDetail: '', fileDetail: '', tookMs: 0 };
}

/** What a person should hear of it; empty when it is well. */
export function troubleOf(state: TargetState): string {
  const route = state.route === 'failed' ? [state.routeDetail] : [];
  const file = state.file === 'failed' ? [state.fileDetail] : [];
  return [...route, ...file].join('; ');
}

/** What is known of the target's running routers, over all its clusters. */
export function runningOf(aims: readonly Aim[]): Running {
  const routes = aims.map((aim) => aim.state.route);
  const found = aims.flatMap((aim) => aim.steered?.found ?? []);
  if (routes.every((route) => route === 'none' || route === 'unable')) {
    return { state: 'none', lacking: false, found };
  }
  if (routes.every((route) => route === 'nobody')) return { state: 'nobody', lacking: false, found };
  const known = routes.every((route) => route === 'done' || route === 'lacking');
  return { state: known ? 'live' : 'silent', lacking: known && routes.includes('lacking'), found };
}

export function proofFor(target: TargetConfig, tag: string): Proof | null {
  const listen = target.listen[tag];
  if (listen === undefined || target.verifyUser === null) return null;
  return { listen, user: target.verifyUser, password: target.verifyPassword ?? '' };
}

/** The clusters as the target's template sees them: each as it was when last stable. */
export async function viewsOf(
  aims: readonly Aim[],
  options: {
    readonly target: TargetConfig;
    readonly resolver: Resolver;
    readonly serverId: (address: string) => string;
  },
): Promise<[ClusterView, ...ClusterView[]]> {
  const { target, resolver, serverId } = options;
  const wanted = aims.flatMap((aim) => aim.stable ?? []);
  const hosts = wanted.flatMap(({ allowed }) => allowed.members.map((one) => endpoint(one).host));
  await Promise.all(hosts.map((host) => resolver.ips(host)));
  const known = { ip: (address: string) => resolver.known(endpoint(address).host), serverId };
  const [first, ...others] = wanted.map(({ topology, allowed }) =>
    clusterView(topology, allowed, known, {
      bind: target.bind[allowed.tag] ?? '',
      listen: target.listen[allowed.tag] ?? '',
    }),
  );
  if (first === undefined) throw new Error(`target ${target.name} serves no cluster`);
  return [first, ...others];
}
