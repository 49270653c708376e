import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createClock } from '../../../src/system/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from './support.ts';

test('a sleep ends after its time, and at once when it is aborted before or meanwhile', async () => {
  const clock = createClock();
  const warnings: Error[] = [];
  const warn = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warn);
  onTestFinished(() => void process.off('warning', warn));
  const start = clock.now();
  await clock.sleep(30);
  expect(clock.now() - start).toBeGreaterThanOrEqual(29);
  const stop = new AbortController();
  const sleeps = Array.from({ length: 50 }, () => clock.sleep(600_000, stop.signal));
  stop.abort();
  await Promise.all(sleeps);
  await clock.sleep(600_000, stop.signal);
  await clock.sleep(-5);
  expect(clock.now() - start).toBeLessThan(5000);
  expect(warnings).toEqual([]);
});

test('a sleep longer than a timer can hold does not end at once', async () => {
  const stop = new AbortController();
  const outcome = await Promise.race([
    createClock()
      .sleep(1e12, stop.signal)
      .then(() => 'slept'),
    createClock()
      .sleep(50)
      .then(() => 'still sleeping'),
  ]);
  stop.abort();
  expect(outcome).toBe('still sleeping');
});

test('the time the machine was suspended counts, and time never goes back', async () => {
  const file = join(await temporaryFolder(), 'uptime');
  await writeFile(file, '1000.00 1.00\n');
  const clock = createClock(file);
  const start = clock.now();
  await writeFile(file, '1060.00 1.00\n');
  const elapsed = () => clock.now() - start;
  const seen = await eventually('the suspension', elapsed, (ms) => ms > 59_000);
  await writeFile(file, '1010.00 1.00\n');
  await clock.sleep(50);
  expect(clock.now() - start).toBeGreaterThan(seen);
});

test('without a file that counts it, time is monotonic time', async () => {
  const clock = createClock('/nowhere/uptime');
  const start = clock.now();
  await clock.sleep(30);
  expect(clock.now() - start).toBeGreaterThanOrEqual(29);
});
