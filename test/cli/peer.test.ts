import { expect, it } from 'vitest';
import { withPeer } from '../../src/cli/peer.ts';

it('says which package is missing, what needs it and how to install it', async () => {
  const missing = withPeer('no-such-sdk', 'samples/none', () => import('no-such-sdk' as string));
  await expect(missing).rejects.toMatchObject({
    code: 'ADJ_PEER_MISSING',
    message: 'ADJ_PEER_MISSING: samples/none needs no-such-sdk, which is not installed. npm install no-such-sdk',
  });
});

it('leaves every other failure as it is', async () => {
  const broken = new Error('broken');
  await expect(withPeer('no-such-sdk', 'samples/none', () => Promise.reject(broken))).rejects.toBe(broken);
});
