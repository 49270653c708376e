import type { Entry, Section } from './ini.ts';
import type { Source } from './source.ts';
import type { Key } from './values.ts';

/**
 * The addresses of `key` by tag. A target with one cluster may say `key=`, one with several says `key.TAG=`:
 * a plain key would leave open which cluster is meant.
 */
export function perTag(
  source: Source,
  section: Section,
  key: string,
  kind: Key<string | null>,
  clusters: readonly string[],
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of section.entries.values()) {
    if (entry.key !== key && !entry.key.startsWith(`${key}.`)) continue;
    const parsed = kind.parse(entry.raw, entry.key);
    if (!parsed.ok) {
      // A mistaken plain key is reported by the section's own table.
      if (entry.key !== key) source.findings.mistake(entry.line, parsed.why);
      continue;
    }
    const tag = parsed.value === null ? null : tagOf(source, entry, key, clusters);
    if (tag === null || parsed.value === null) continue;
    if (found[tag] !== undefined)
      source.findings.mistake(entry.line, `${key} of ${tag} is given twice: keep one`);
    found[tag] = parsed.value;
  }
  return found;
}

function tagOf(source: Source, entry: Entry, key: string, clusters: readonly string[]): string | null {
  if (entry.key === key) {
    if (clusters.length === 1) return clusters[0] ?? null;
    const names = clusters.map((tag) => `${key}.${tag}`).join(', ');
    source.findings.mistake(
      entry.line,
      `${key} does not say which cluster it is for: write ${names || `${key}.TAG`}`,
    );
    return null;
  }
  const tag = entry.key.slice(key.length + 1);
  if (clusters.includes(tag)) return tag;
  source.findings.mistake(entry.line, `${entry.key} names a cluster that this target does not serve`);
  return null;
}
