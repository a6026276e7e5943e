import type { CalendarSettings } from '../../middleware/core/calendar.ts';
import { type ConversationAct, type DeskActs, ScenarioError } from './format.ts';
import type { Reader } from './read.ts';
import { livingProcessOf, placeOf, type Surroundings } from './surroundings.ts';

/** Words that say who owns a conversation; an agent of such a name could not be told from them. */
const taken: readonly string[] = ['bot', 'queue', 'agent'];

const acts = ['takes', 'replies', 'returns', 'closes', 'goesOffline', 'comesOnline', 'handoff'] as const;

/** What else they say of it. */
const details: Readonly<Partial<Record<(typeof acts)[number], readonly string[]>>> = { replies: ['says'], closes: ['outcome'] };

/** The ids of a file's agents, in its order. @throws ScenarioError */
export function readAgents(file: Reader): readonly string[] {
  if (!file.has('agents')) return [];
  return file.texts('agents').map((id, index, all) => {
    const path = `${file.at('agents')}[${index}]`;
    if (id === '') throw new ScenarioError(path, 'must be a text, the id of an agent.');
    if (taken.includes(id)) throw new ScenarioError(path, `"${id}" says who owns a conversation; it names no agent.`);
    if (all.indexOf(id) < index) throw new ScenarioError(path, `"${id}" is named twice.`);
    return id;
  });
}

/** When people work: checked for its form here, for its values by the policy it makes. */
export function readCalendar(calendar: Reader): CalendarSettings {
  calendar.only('zone', 'hours', 'holidays');
  const hours = calendar.object('hours');
  hours.only('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun');
  return {
    zone: calendar.text('zone'),
    hours: Object.fromEntries(hours.keys.map((day) => [day, hours.texts(day)])),
    ...(calendar.has('holidays') && { holidays: calendar.texts('holidays') }),
  };
}

/** The timers of people among the settings of an endpoint or the organisation. */
export function readAgentSettings(settings: Reader): void {
  const timers = ['closeAfter', 'reassignAfter', 'replyWithin', 'warnBefore'];
  settings.only(...timers, 'closingMessage', 'cancelOnReply', 'calendar');
  settings.flag('cancelOnReply');
  if (settings.has('calendar')) readCalendar(settings.object('calendar'));
}

/** What an agent does, or the bot that hands over. */
export function readDeskActs(step: Reader, around: Surroundings): DeskActs {
  const does = step.oneOf('does', acts);
  const process = livingProcessOf(step, around);
  if (does === 'comesOnline' || does === 'goesOffline') {
    step.only('at', 'agent', 'does', 'process');
    return { verb: 'desk', act: { does, agent: agentOf(step, around) }, process };
  }
  const about = ['at', 'agent', 'does', 'user', 'endpoint', 'process'];
  step.only(...about, ...(details[does] ?? []));
  const place = placeOf(step, around, 'user');
  if (does === 'handoff') {
    const toQueue = !step.has('agent') || step.raw('agent') === 'queue';
    return { verb: 'desk', act: { does, agent: toQueue ? undefined : agentOf(step, around) }, place, process };
  }
  const agent = agentOf(step, around);
  return { verb: 'desk', act: readAct(does, agent, step), place, process };
}

function readAct(does: 'takes' | 'replies' | 'returns' | 'closes', agent: string, step: Reader): ConversationAct {
  switch (does) {
    case 'replies':
      return { does, agent, says: step.optionalText('says') ?? `This is ${agent}.` };
    case 'closes':
      return { does, agent, outcome: step.optionalText('outcome') };
    default:
      return { does, agent };
  }
}

/** What happened at the desk, for people. */
export function described(act: DeskActs['act']): string {
  switch (act.does) {
    case 'comesOnline':
      return `${act.agent} comes online`;
    case 'goesOffline':
      return `${act.agent} goes offline`;
    case 'handoff':
      return `the bot hands over to ${act.agent ?? 'the queue'}`;
    case 'replies':
      return `${act.agent}: ${act.says}`;
    case 'takes':
      return `${act.agent} takes the conversation`;
    case 'returns':
      return `${act.agent} gives the conversation back to the bot`;
    case 'closes':
      return `${act.agent} closes the conversation${act.outcome === undefined ? '' : `: ${act.outcome}`}`;
  }
}

/** Whether a state names somebody who can own a conversation: nobody at all is `null`. */
export function checkOwner(state: Reader, { agents }: Surroundings): void {
  if (state.has('owner') && state.raw('owner') !== null) state.oneOf('owner', [...taken, ...agents]);
}

function agentOf(step: Reader, { agents }: Surroundings): string {
  const agent = step.text('agent');
  if (!agents.includes(agent)) throw new ScenarioError(step.at('agent'), `the file has no agent "${agent}".`);
  return agent;
}
