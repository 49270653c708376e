/** An error whose message says what happened, to what, and what to do next. */
export class MmmError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The configuration cannot be used: exit 2. `mistakes` are `file:line: what` sentences, all of them. */
export class ConfigError extends MmmError {
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super('CONFIG', mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/** The command line cannot be used: exit 2. */
export class UsageError extends MmmError {
  constructor(message: string) {
    super('USAGE', message);
  }
}

/** Redis did not do what was asked: try again later. */
export class HubError extends MmmError {
  constructor(message: string, options?: ErrorOptions) {
    super('HUB', message, options);
  }
}

/** How a MySQL server failed us: the same words as a probe's status. */
export type ServerTrouble = 'refused' | 'silent' | 'faulty';

/** A MySQL server did not do what was asked. */
export class ServerError extends MmmError {
  readonly trouble: ServerTrouble;
  constructor(trouble: ServerTrouble, message: string, options?: ErrorOptions) {
    super('SERVER', message, options);
    this.trouble = trouble;
  }
}

/** A template could not be rendered, or its output is not acceptable: the old file stays. */
export class RenderError extends MmmError {
  constructor(message: string, options?: ErrorOptions) {
    super('RENDER', message, options);
  }
}

/** A command failed: the old file stays, the message holds its output. */
export class CommandError extends MmmError {
  constructor(message: string, options?: ErrorOptions) {
    super('COMMAND', message, options);
  }
}

/** A proxy did not do what was asked, or did not prove it: try again. */
export class RouteError extends MmmError {
  constructor(message: string, options?: ErrorOptions) {
    super('ROUTE', message, options);
  }
}
