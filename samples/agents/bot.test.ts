import { botConnectorTests } from '../kit.ts';
import { start } from './bot.ts';

botConnectorTests(start, { wrong: 401, none: 401, stale: 401 });
