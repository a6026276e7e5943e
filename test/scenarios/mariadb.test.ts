import { mysqlUrl } from '../stores/sql-servers.ts';
import { ofSeveralProcesses, testsOnStore } from './on-store.ts';

await testsOnStore({ name: 'MariaDB', url: mysqlUrl.href }, ofSeveralProcesses);
