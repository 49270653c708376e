/** Sleeps that a hint cuts short. A hint that comes between two sleeps cuts the next one. */
export interface AlarmClock {
  ring(): void;
  /** `deaf`: only the stop signal wakes it. */
  sleep(ms: number, options?: { readonly deaf: boolean }): Promise<void>;
}

export function createAlarmClock(stop: AbortSignal): AlarmClock {
  let rung = false;
  let wake: () => void = () => {};
  let ringing: () => void = () => {};
  stop.addEventListener('abort', () => wake(), { once: true });

  function sleep(ms: number, { deaf } = { deaf: false }): Promise<void> {
    if (stop.aborted || (rung && !deaf)) {
      rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), ms);
      function done(): void {
        clearTimeout(timer);
        ringing = () => {};
        wake = () => {};
        if (!deaf) rung = false;
        resolve();
      }
      wake = done;
      if (!deaf) ringing = done;
    });
  }

  function ring(): void {
    rung = true;
    ringing();
  }

  return { ring, sleep };
}
