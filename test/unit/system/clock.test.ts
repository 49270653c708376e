import { expect, onTestFinished, test } from 'vitest';
import { createClock } from '../../../src/system/clock.ts';

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
