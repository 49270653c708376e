import type { Section } from './ini.ts';
import type { Source } from './source.ts';
import type { TargetConfig } from './types.ts';

export function checkCommands(source: Source, section: Section, target: TargetConfig): void {
  warnOfShell(source, section, 'check_cmd', target.checkCmd);
  warnOfShell(source, section, 'reload_cmd', target.reloadCmd);
  if (target.checkCmd === null || target.checkCmd.some((word) => word.includes('{{stage}}'))) return;
  source.findings.warn(
    section.entries.get('check_cmd')?.line ?? null,
    'check_cmd does not name {{stage}}, the new file: it checks something else',
  );
}

/** Such a word on its own means something to a shell only; inside the quotes of `sh -c "..."` it is no word. */
function warnOfShell(source: Source, section: Section, key: string, words: readonly string[] | null): void {
  const sign = words?.find((word) => /^(?:&&?|\|\|?|;|\d?>\S*|<)$/.test(word));
  if (sign === undefined) return;
  source.findings.warn(
    section.entries.get(key)?.line ?? null,
    `${key} is run without a shell, which hands ${sign} to the program: write sh -c "..."`,
  );
}

export function checkHaproxy(source: Source, section: Section, target: TargetConfig): void {
  const lineOf = (key: string): number => section.entries.get(key)?.line ?? section.line;
  const { bind, listen, verifyUser, verifyPassword } = target;
  for (const tag of target.clusters.filter(
    (one) => bind[one] === undefined && !section.entries.has('bind'),
  )) {
    const key = target.clusters.length === 1 ? 'bind' : `bind.${tag}`;
    source.findings.mistake(section.line, `[${section.name}] needs ${key}, where haproxy listens for ${tag}`);
  }
  const binds = Object.entries(bind);
  for (const [tag, at] of binds.filter(([, one], i) => binds.findIndex(([, other]) => other === one) !== i)) {
    source.findings.mistake(lineOf(`bind.${tag}`), `bind ${at} is used by two clusters`);
  }
  if (target.sockets.length === 0 && target.reloadCmd === null) {
    source.findings.mistake(
      section.line,
      `[${section.name}] needs socket or reload_cmd: without both haproxy never hears of a change`,
    );
  }
  for (const tag of target.clusters.filter((one) => verifyUser !== null && listen[one] === undefined)) {
    if (section.entries.has('listen') || section.entries.has(`listen.${tag}`)) continue;
    const key = target.clusters.length === 1 ? 'listen' : `listen.${tag}`;
    source.findings.mistake(
      lineOf('verify_user'),
      `verify_user needs ${key}, where to log in through haproxy`,
    );
  }
  if (verifyPassword !== null && verifyUser === null) {
    source.findings.mistake(lineOf('verify_password'), 'verify_password needs verify_user');
  }
}
