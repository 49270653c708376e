/** Whether this process may change who it is. */
export const isRoot = process.getuid?.() === 0;

/** Runs `work` as the user nobody, in no group but its own, for as long as it takes. Only for root. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.('nogroup');
  process.seteuid?.('nobody');
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}
