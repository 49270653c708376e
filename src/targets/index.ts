import { file } from './file.ts';
import { haproxy } from './haproxy.ts';
import type { TargetKind } from './target.ts';

/** Every target kind, by the word behind `kind=`. */
export const targetKinds = { haproxy, file } as const satisfies Readonly<Record<string, TargetKind>>;
