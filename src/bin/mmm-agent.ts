#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-agent', () => import('../cli/daemons.ts').then((cli) => cli.agentCommand));
