#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-uniqsign', () => import('../cli/uniqsign.ts').then((cli) => cli.uniqsignProgram));
