#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-control', () => import('../cli/control.ts').then((cli) => cli.controlProgram));
