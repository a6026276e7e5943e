import { AdjournError } from '../middleware/errors.ts';

/**
 * Loads code that stands on an optional package.
 * @throws AdjournError `ADJ_PEER_MISSING` with the line that installs it, where that package is what is missing
 */
export async function withPeer<T>(name: string, neededBy: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new AdjournError('ADJ_PEER_MISSING', `${neededBy} needs ${name}, which is not installed.`, {
      hint: `npm install ${name}`,
      cause: error,
    });
  }
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && String(message).includes(`'${name}'`);
}
