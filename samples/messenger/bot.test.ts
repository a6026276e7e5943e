import { metaTests } from '../kit.ts';
import { start } from './bot.ts';

metaTests('messenger', start);
