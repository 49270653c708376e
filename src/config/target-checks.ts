import type { Section } from './ini.ts';
import type { Source } from './source.ts';
import type { TargetConfig } from './types.ts';

export function checkCommands(source: Source, section: Section, target: TargetConfig): void {
  if (target.checkCmd === null || target.checkCmd.some((word) => word.includes('{{stage}}'))) return;
  source.findings.warn(
    section.entries.get('check_cmd')?.line ?? null,
    'check_cmd does not name {{stage}}, the new file: it checks something else',
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
  if (verifyUser !== null && Object.keys(listen).length === 0) {
    source.findings.mistake(
      lineOf('verify_user'),
      'verify_user needs listen, where to log in through haproxy',
    );
  }
  if (verifyPassword !== null && verifyUser === null) {
    source.findings.mistake(lineOf('verify_password'), 'verify_password needs verify_user');
  }
}
