import { type ClusterView, targetView } from '../core/view.ts';
import { RenderError } from '../errors.ts';
import type { TargetKind } from '../targets/target.ts';
import { readTemplate, readTrusted } from './source.ts';
import { compileTemplate } from './template.ts';

export interface TextOptions {
  readonly kind: TargetKind;
  /** null: the kind's own. */
  readonly template: string | null;
  readonly templatesDir: string | null;
  readonly backend: string | null;
  /** What the template sees as `options`. */
  readonly options: Readonly<Record<string, string>>;
}

/** Renders a target's text and asserts that it may be written; rejects with RenderError. */
export async function renderText(
  target: TextOptions,
  clusters: readonly [ClusterView, ...ClusterView[]],
): Promise<string> {
  const name = target.template ?? target.kind.template;
  if (name === null) throw new RenderError(`kind=${target.kind.kind} needs a template: set template=`);
  const source = await readTemplate(name, target.templatesDir);
  const view = targetView(clusters, target.options, await includes(target));
  const text = compileTemplate(source, name)(view);
  const complaints = target.kind.complaints(text, clusters, target.backend);
  if (complaints.length > 0) throw new RenderError(`template ${name}: ${complaints.join('; ')}`);
  return text;
}

async function includes({ kind, options }: TextOptions): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const key of kind.includes) {
    const path = options[key];
    if (path === undefined || path === '') continue;
    const text = await readTrusted(path);
    if (text === null) throw new RenderError(`${key}: ${path} is not there`);
    found[key] = text;
  }
  return found;
}
