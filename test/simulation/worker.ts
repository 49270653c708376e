/** Plays the seeds it is sent, one after the other, in a process of its own. */
import { type Order, play } from './play.ts';

process.on('message', (order: Order) => {
  // Thousands of timeouts are thrown and caught: where they come from is worth knowing only in a story.
  Error.stackTraceLimit = order.story ? 10 : 0;
  play(order).then(
    (played) => process.send?.(played),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
