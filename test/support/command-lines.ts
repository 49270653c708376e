/** Commands of ours as they stand in texts: whether there is such a program, verb and flag. */
import { controlProgram } from '../../src/cli/control.ts';
import { agentCommand, identifyCommand, monitorCommand, sidecarCommand } from '../../src/cli/daemons.ts';
import type { OptionSpec, Program } from '../../src/cli/main.ts';
import { statusProgram } from '../../src/cli/status.ts';
import { uniqsignProgram } from '../../src/cli/uniqsign.ts';

const PROGRAMS: readonly Program[] = [
  monitorCommand,
  identifyCommand,
  agentCommand,
  sidecarCommand,
  statusProgram,
  controlProgram,
  uniqsignProgram,
];

const COMMON = ['--conf <FILE>', '--tag <TAG>', '--redis <HOST:PORT>', '--debug', '--help', '--version'];

/** Every command of ours in the code of a Markdown text, in blocks and between backquotes. */
export function commandsIn(markdown: string): readonly string[] {
  // What begins with a section or a tag is a file, or what a program prints.
  const blocks = [...markdown.matchAll(/^```\w*\n(.*?)^```/gms)].flatMap(([, text = '']) =>
    text.startsWith('[') ? [] : text.split('\n'),
  );
  const prose = markdown.replace(/^```\w*\n.*?^```/gms, '');
  const inline = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
  return [...blocks, ...inline]
    .flatMap((line) => line.replace(/\s#.*$/, '').split(/[&|;]|\s{3,}/))
    .map((part) => part.trim().replace(/^(?:\$ |sudo )+/, ''))
    .filter((part) => /^mmm-(?!manager)[a-z]+(?: (?! )|$)/.test(part));
}

/** What is wrong with a command line of ours; empty when nothing is. */
export function complaintsAbout(command: string): readonly string[] {
  const [name = '', ...words] = command.split(/\s+/);
  const program = PROGRAMS.find((one) => one.name === name);
  if (program === undefined) return [`there is no program ${name}`];
  const verbs = program.verbs ?? [];
  const verb = verbs.find((one) => words.includes(one.name));
  const flags = [...COMMON, ...specs(program.options), ...specs(verb?.options)];
  const complaints: string[] = [];
  let args = (verb?.args ?? '').split(' ').filter(Boolean).length;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]?.replace(/^\[|\]$/g, '') ?? '';
    const [flag = ''] = word.split('=');
    if (flag.startsWith('-')) {
      const known = flags.find((one) => one.split(/[ ,]+/).includes(flag));
      if (known === undefined) complaints.push(`${name} has no flag ${flag}`);
      else if (known.includes('<') && !word.includes('=')) at += 1;
    } else if (word !== verb?.name) {
      args -= 1;
      if (args < 0) complaints.push(`${name} has no verb or argument ${word}`);
    }
  }
  return complaints;
}

function specs(options: readonly OptionSpec[] | undefined): readonly string[] {
  return (options ?? []).map(({ flags }) => flags);
}
