#!/usr/bin/env node
import { monitorCommand } from '../cli/daemons.ts';
import { main } from '../cli/main.ts';

await main(monitorCommand);
