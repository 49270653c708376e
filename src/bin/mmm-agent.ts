#!/usr/bin/env node
import { agentCommand } from '../cli/daemons.ts';
import { main } from '../cli/main.ts';

await main(agentCommand);
