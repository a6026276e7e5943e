/** What the simulator's secrets have in them, so that one search shows whether an output holds any. Most of them are hexadecimal. */
export const secretMark = '5ec4e75ec4e7';

/** A secret as long as a digest. @param digest hexadecimal digits, more than the mark has */
export function secretOf(digest: string): string {
  return secretMark + digest.slice(secretMark.length);
}
