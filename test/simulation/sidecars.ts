/** A sidecar in a few lines: cuts on closing, routes when stable, never follows an older generation. */
import type { Hub } from '../../src/ports.ts';
import type { Life } from './process.ts';
import { A, B, UNIQSIGN } from './setup.ts';

/** Where the proxy on one host leads its clients. It goes on as it is while its sidecar is dead. */
export interface RoutingProxy {
  route: string | null;
  /** Ends every session that leads elsewhere. */
  onRoute: () => void;
  /** In the sidecar's state directory. */
  floor: number;
}

const POLL_MS = 1000;
const HANDOVER_MS = 100;

export async function runSidecar(life: Life, hub: Hub, proxy: RoutingProxy): Promise<void> {
  const { signal, clock, process } = life;
  let seq = 0;
  let nap = new AbortController();
  const wake = (): void => nap.abort();
  signal.addEventListener('abort', wake);
  await hub.watch([UNIQSIGN], (_, hint) => hint === 'topology' && wake(), signal).catch(() => undefined);

  async function follow(): Promise<boolean> {
    const t = await hub.readTopology(UNIQSIGN);
    if (t === null) return false;
    if (t.generation >= proxy.floor) {
      proxy.floor = t.generation;
      proxy.route = t.phase === 'stable' ? t.writer : null;
      proxy.onRoute();
    }
    seq += 1;
    await hub.putSidecarReport(UNIQSIGN, {
      v: 1,
      id: process.name,
      serves: [A, B],
      generation: proxy.floor,
      step: t.step,
      floor: proxy.floor,
      did: proxy.route === null ? 'cut' : 'routed',
      leaving: false,
      detail: '',
      tookMs: 0,
      targets: [],
      seq,
    });
    return t.phase !== 'stable';
  }

  while (!signal.aborted) {
    nap = new AbortController();
    const isHandover = await follow().catch(() => true);
    await clock.sleep(isHandover ? HANDOVER_MS : POLL_MS, nap.signal);
  }
}
