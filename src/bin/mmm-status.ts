#!/usr/bin/env node
import { main } from '../cli/main.ts';
import { statusProgram } from '../cli/status.ts';

await main(statusProgram);
