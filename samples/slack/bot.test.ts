import { sampleTests } from '../kit.ts';
import { start } from './bot.ts';

sampleTests({
  channel: 'slack',
  endpoint: 'desk',
  start,
  vendor: 'Slack',
  forged: { wrong: 401, none: 401, stale: 401 },
  noActivity: ['edits', 'unsends', 'reacts', 'joins'],
  text: 'a < b & c',
  // Bolt acknowledges before the handler runs.
  crash: 200,
  answersLater: true,
});
