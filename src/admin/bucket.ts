/**
 * A token bucket: lets `rate` things pass a second, and as many at once after a pause.
 * @param now real time, milliseconds, never going backwards
 * @returns takes one; seconds to wait where there is none, else 0
 */
export function bucket(rate: number, now: () => number = () => performance.now()): () => number {
  const room = Math.max(1, rate);
  let left = room;
  let last = now();
  return () => {
    const at = now();
    left = Math.min(room, left + ((at - last) / 1_000) * rate);
    last = at;
    if (left < 1) return Math.ceil((1 - left) / rate);
    left -= 1;
    return 0;
  };
}
