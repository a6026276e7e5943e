import { files } from './files.ts';
import { testsOnStore } from './on-store.ts';

await testsOnStore({ name: 'Redis', url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' }, files);
