#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-monitor', () => import('../cli/daemons.ts').then((cli) => cli.monitorCommand));
