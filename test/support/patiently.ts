/** Mirrors and registries fail now and then: three attempts, and the last error speaks. */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 2; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
