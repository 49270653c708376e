import type { Redis } from 'ioredis';
import type { Hint } from '../ports.ts';
import { serialise } from './documents.ts';
import { clusterKey, prefix, type ReportKind, reportKey, reportName, wakeChannel } from './keys.ts';
import { runScript, scripts } from './scripts.ts';

/** How long facts and reports are kept after their writer fell silent. */
export const REPORT_TTL_SECONDS = 60;

/** Stores facts or a report and wakes whoever watches the cluster. */
export async function writeReport(
  redis: Redis,
  uniqsign: string,
  kind: ReportKind,
  document: { readonly id: string },
): Promise<void> {
  const key = reportKey(uniqsign, kind, document.id);
  const keys = [key, clusterKey(uniqsign, 'reporters')];
  await runScript(redis, scripts.putReport, keys, [
    serialise(key, document),
    REPORT_TTL_SECONDS,
    reportName(kind, document.id),
    prefix(uniqsign),
    wakeChannel(uniqsign),
    hintOf(kind),
  ]);
}

/** What the change of such a document is called. */
export function hintOf(kind: ReportKind): Hint {
  return kind === 'facts' ? 'facts' : 'report';
}
