import { botConnectorTests } from '../kit.ts';
import { start } from './bot.ts';

// botbuilder takes an expired token for the caller's fault, and a forged one for its own.
botConnectorTests(start, { wrong: 500, none: 401, stale: 401 });
