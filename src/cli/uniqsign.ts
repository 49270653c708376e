import { randomBytes } from 'node:crypto';
import type { Program } from './main.ts';

export const uniqsignProgram: Program = {
  name: 'mmm-uniqsign',
  about: 'Prints a fresh uniqsign (32 lower-case hex digits) for a cluster section.',
  defaultConf: null,
  run: async () => {
    process.stdout.write(`${randomBytes(16).toString('hex')}\n`);
    return 0;
  },
};
