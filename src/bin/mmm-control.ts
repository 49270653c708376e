#!/usr/bin/env node
import { controlProgram } from '../cli/control.ts';
import { main } from '../cli/main.ts';

await main(controlProgram);
