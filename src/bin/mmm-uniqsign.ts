#!/usr/bin/env node
import { main } from '../cli/main.ts';
import { uniqsignProgram } from '../cli/uniqsign.ts';

await main(uniqsignProgram);
