#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-status', () => import('../cli/status.ts').then((cli) => cli.statusProgram));
