#!/usr/bin/env node
import { start } from './start.ts';

start('mmm-sidecar', () => import('../cli/daemons.ts').then((cli) => cli.sidecarCommand));
