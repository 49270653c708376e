import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { ConfigError, UsageError } from '../errors.ts';

/** An option in commander's notation, such as `--to <H:P>`. */
export interface OptionSpec {
  readonly flags: string;
  readonly about: string;
  /** Shown in the help; the program itself applies it. */
  readonly fallback?: string;
}

export interface Verb {
  readonly name: string;
  readonly about: string;
  /** In commander's notation, such as `<sidecar>`. */
  readonly args?: string;
  readonly options?: readonly OptionSpec[];
}

/** One of our programs, as its command line describes it. */
export interface Program {
  readonly name: string;
  readonly about: string;
  /** null: it reads no configuration and has none of the flags that go with one. */
  readonly defaultConf: string | null;
  /** What it works for without --tag; default `every cluster in the file`. */
  readonly withoutTag?: string;
  /** Accepted before and after the verb. */
  readonly options?: readonly OptionSpec[];
  readonly verbs?: readonly Verb[];
  /** Without one of the verbs nothing is done. */
  readonly needsVerb?: boolean;
  /** Exit code when it cannot begin to work; else 2 for usage and configuration, 1 for what nobody expected. */
  readonly usageExit?: number;
  /** Does the work; resolves with the exit code. */
  run(context: Context): Promise<number>;
}

/** What the command line said. */
export interface Context {
  readonly conf: string;
  /** Empty: every tag of the file. */
  readonly tags: readonly string[];
  /** `host:port`, instead of the file's. */
  readonly redis: string | undefined;
  readonly debug: boolean;
  readonly verb: string | null;
  readonly args: readonly string[];
  /** The program's and the verb's own options, by long name in camelCase. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Runs a program to its end and ends the process with its exit code. */
export async function main(program: Program, argv: readonly string[] = process.argv): Promise<never> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read our output has seen enough.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.exit(await exitCodeOf(program, argv));
}

async function exitCodeOf(program: Program, argv: readonly string[]): Promise<number> {
  const usageExit = program.usageExit ?? 2;
  try {
    const context = await parse(program, argv);
    return await program.run(context);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExit;
    if (error instanceof UsageError) {
      complain(program.name, [error.message, `see ${program.name} --help`]);
      return usageExit;
    }
    if (error instanceof ConfigError) {
      complain(program.name, error.mistakes);
      return usageExit;
    }
    complain(program.name, [whatWentWrong(error, argv.includes('--debug'))]);
    return program.usageExit ?? 1;
  }
}

/** The command line as data. Rejects with CommanderError after the help, the version or the mistake was printed. */
async function parse(program: Program, argv: readonly string[]): Promise<Context> {
  let context: Context | null = null;
  const root = new Command(program.name)
    .description(program.about)
    .version(version(), '--version', 'print the version and exit')
    .helpOption('--help', 'print this help and exit')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .allowExcessArguments(false)
    .exitOverride();
  for (const option of [...commonOptions(program), ...(program.options ?? []).map(toOption)])
    root.addOption(option);
  const accept = (verb: string | null, command: Command) => {
    const { conf, tag, redis, debug, version: _, ...options } = command.optsWithGlobals();
    context = {
      conf: conf ?? '',
      tags: tag ?? [],
      redis,
      debug: debug === true,
      verb,
      args: command.args,
      options,
    };
  };
  if (program.needsVerb !== true) root.action(() => accept(null, root));
  for (const verb of program.verbs ?? []) addVerb(root, verb, accept);
  await root.parseAsync([...argv]);
  if (context === null)
    throw new UsageError(`say what to do: ${(program.verbs ?? []).map((v) => v.name).join(', ')}`);
  return context;
}

function addVerb(root: Command, verb: Verb, accept: (verb: string, command: Command) => void): void {
  const command = root.command(verb.args === undefined ? verb.name : `${verb.name} ${verb.args}`);
  command.description(verb.about).allowExcessArguments(false);
  for (const option of verb.options ?? []) command.addOption(toOption(option));
  command.action(() => accept(verb.name, command));
}

function commonOptions(program: Program): readonly Option[] {
  const debug = new Option('--debug', 'say more');
  if (program.defaultConf === null) return [debug];
  return [
    new Option('--conf <FILE>', 'configuration file').default(program.defaultConf),
    new Option(
      '--tag <TAG>',
      `only this cluster; may be repeated (default: ${program.withoutTag ?? 'every cluster in the file'})`,
    ).argParser((tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag]),
    new Option('--redis <HOST:PORT>', 'Redis, instead of the one in the file'),
    debug,
  ];
}

function toOption({ flags, about, fallback }: OptionSpec): Option {
  return new Option(flags, fallback === undefined ? about : `${about} (default: ${fallback})`);
}

function complain(name: string, lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${name}: ${line}\n`);
}

function whatWentWrong(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return String(error);
  return debug ? (error.stack ?? error.message) : error.message;
}

/** The version of this package. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}
