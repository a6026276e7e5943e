/** Waits no longer than that, real ms. @param what for the message: what did not happen @throws Error if it takes longer */
export async function within<T>(ms: number, what: string, doing: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms / 1_000} s.`)), ms);
  });
  return Promise.race([doing, late]).finally(() => clearTimeout(timer));
}
