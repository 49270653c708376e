#!/usr/bin/env node
import { identifyCommand } from '../cli/daemons.ts';
import { main } from '../cli/main.ts';

await main(identifyCommand);
