import Handlebars from 'handlebars';
import type { View } from '../core/view.ts';
import { RenderError } from '../errors.ts';
import { helpers } from './helpers.ts';

const engine = Handlebars.create();
for (const name of ['log', 'lookup']) engine.unregisterHelper(name);
for (const [name, helper] of Object.entries(helpers)) engine.registerHelper(name, helper);

/** Turns a template's source into a function; a RenderError says what is wrong, also when rendering. */
export function compileTemplate(source: string, name: string): (view: View) => string {
  // Only text is ever compiled: a parsed document given instead could carry code.
  if (typeof source !== 'string') throw new RenderError(`template ${name} is not a text`);
  const compiled = inTemplate(name, () => {
    const options = { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: known() };
    // A partial could come from anywhere; none is registered, so using one fails.
    return engine.compile(source, options);
  });
  return (view) => inTemplate(name, () => compiled(guarded(view, '')));
}

function known(): Record<string, boolean> {
  const own = Object.fromEntries(Object.keys(helpers).map((name) => [name, true]));
  return { ...own, log: false, lookup: false };
}

/**
 * Handlebars' strict mode does not look inside `if` and `each`: a misspelt field there would silently be
 * empty. Here any field that does not exist throws, but those of `options` and `includes` (optional keys).
 */
function guarded(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((item) => guarded(item, path));
  if (typeof value !== 'object' || value === null) return value;
  if (path === 'options.' || path === 'includes.') return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, guarded(item, `${path}${key}.`)]),
  );
  return new Proxy(copy, {
    get(target, key) {
      if (typeof key === 'string' && !Object.hasOwn(target, key)) {
        throw new RenderError(`no field ${path}${key}`);
      }
      return Reflect.get(target, key);
    },
  });
}

function inTemplate<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RenderError(`template ${name}: ${reason}`, { cause: error });
  }
}
