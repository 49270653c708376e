/** Registers the hooks, then becomes a worker. The planted bugs come as JSON in the first argument. */
import { register } from 'node:module';

const root = new URL('../..', import.meta.url).href.replace(/\/$/, '');
register('./hooks.mjs', import.meta.url, { data: { root, edits: JSON.parse(process.argv[2] ?? '[]') } });
await import('./worker.js');
