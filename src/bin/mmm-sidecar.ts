#!/usr/bin/env node
import { sidecarCommand } from '../cli/daemons.ts';
import { main } from '../cli/main.ts';

await main(sidecarCommand);
