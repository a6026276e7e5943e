import { postgresUrl } from '../stores/sql-servers.ts';
import { files } from './files.ts';
import { testsOnStore } from './on-store.ts';

await testsOnStore({ name: 'PostgreSQL', url: postgresUrl.href }, files);
