#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-identify', () => import('../cli/daemons.ts').then((cli) => cli.identifyCommand));
