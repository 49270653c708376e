import type { Row } from '../row.ts';
import { leaderKilled } from './leader-killed.ts';
import { nothingMoves } from './nothing-moves.ts';
import { writerLost } from './writer-lost.ts';

/** Every row there is. */
export const rows: readonly Row[] = [...writerLost, ...nothingMoves, ...leaderKilled];
