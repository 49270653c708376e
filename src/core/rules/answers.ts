/** Answers to requests that change nothing. */
import type { Answer, Request, Topology } from '../model.ts';
import type { Outcome } from '../outcome.ts';

/** Says no, with the reason. `generation`: 0 while there is no topology. */
export function refuse(t: Topology | null, request: Request, detail: string): Outcome {
  return { says: `${request.verb} refused: ${detail}`, answers: [answer(t, request, false, detail)] };
}

export function answer(t: Topology | null, request: Request, ok: boolean, detail: string): Answer {
  return { v: 1, id: request.id, ok, detail, generation: t?.generation ?? 0 };
}
