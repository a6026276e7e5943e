import { keyOf } from '../../middleware/core/activity.ts';
import type { ConversationRecord } from '../../middleware/core/conversation.ts';
import type { BotStarts, BotWorks, ChangesSettings, ExpectedState, Expects, Scenario, Step, WorkerTurns } from './format.ts';
import { line } from './lines.ts';
import { type Mismatch, matchEvents } from './match.ts';
import type { Work } from './progress.ts';
import { failure, sender } from './send.ts';
import { processAt, type Stage } from './stage.ts';
import { type ConversationState, matchState, stateOf } from './state.ts';

/** Does what the steps of one scenario say. */
export interface Performer {
  /** Begins a step; it is over when the stage has come to rest. @returns expectations that do not hold */
  perform(step: Step): Promise<readonly Mismatch[]>;
}

export function performer<Data>(scenario: Scenario, stage: Stage<Data>): Performer {
  const { simulator, clock, watch, timeline } = stage;
  const channelOf = (endpoint: string) => scenario.endpoints[endpoint]?.channel ?? '';
  const addressOf = (endpoint: string, user: string) => simulator.address(channelOf(endpoint), endpoint, user);
  /** As the events name it; for somebody they have not named yet, as their address does. */
  const keyOfPerson = (endpoint: string, user: string) => {
    const scope = scenario.endpoints[endpoint]?.settings.scope ?? scenario.organization.scope ?? 'user';
    return (
      stage.keyOf(endpoint, user) ?? keyOf({ kind: 'lifecycle', type: 'none', ...addressOf(endpoint, user) }, endpoint, scope)
    );
  };
  const { deliver } = sender(scenario, stage);
  const note = (text: string) => timeline.note(line(clock.now(), 'scene', {}, { text }));

  const botActs = (step: BotStarts | BotWorks) => {
    const { user, endpoint, process } = step;
    const place = { user, endpoint, channel: channelOf(endpoint) };
    const { sessions } = processAt(stage, process);
    const work: Work = { label: `${step.verb} with ${user} on ${endpoint}`, user };
    const doing = async () => {
      const key = step.verb === 'bot works' ? keyOfPerson(endpoint, user) : (await sessions.open(addressOf(endpoint, user))).key;
      if (key === undefined) throw new RangeError(`${user} cannot be reached on ${endpoint}.`);
      if (step.verb === 'bot works') await sessions.run(key, () => sessions.clock.sleep(step.forMs));
      else if (step.says !== undefined) await sessions.run(key, (turn) => turn.reply(step.says));
    };
    watch.follow(work, doing).catch((error) => timeline.add(failure(clock.now(), place, error, 'HANDLER_FAILED')));
  };

  const worker = ({ worker, process }: WorkerTurns) => {
    note(`worker ${worker}`);
    for (const one of process === undefined ? stage.processes : [processAt(stage, process)]) one.worker[worker]();
  };
  const configure = ({ change }: ChangesSettings) => {
    note('settings change');
    for (const { sessions } of stage.processes) {
      const doing = () => sessions.configure(change);
      watch
        .follow({ label: 'a change of settings', user: undefined }, doing)
        .catch((error) => timeline.add(failure(clock.now(), {}, error, 'STORE_UNAVAILABLE')));
    }
  };

  const stateNow = async ({ user, endpoint }: ExpectedState): Promise<ConversationState> => {
    const key = keyOfPerson(endpoint, user);
    const [process] = stage.processes;
    if (key === undefined || process === undefined) return stateOf(undefined, undefined, clock.now());
    return stage.store.behind(async () => {
      const found = await stage.store.find({ keys: [key], limit: 1 });
      const record = found.records[0]?.record as unknown as ConversationRecord | undefined;
      return stateOf(record, await process.sessions.explain(key), clock.now());
    });
  };
  const expect = async (step: Expects): Promise<readonly Mismatch[]> => {
    const wrong = step.closesWindow ? matchEvents(step, timeline.fresh(), scenario.offset) : [];
    for (const entry of step.entries) {
      if (entry.about === 'state') wrong.push(...matchState(entry, await stateNow(entry), scenario.offset));
    }
    return wrong;
  };

  return {
    async perform(step) {
      switch (step.verb) {
        case 'together':
          for (const one of step.deliveries) deliver(one);
          return [];
        case 'bot starts':
        case 'bot works':
          botActs(step);
          return [];
        case 'vendor fails':
          note(`${step.channel} fails: ${step.fault}`);
          simulator.fail(step.channel, step.fault, step.times);
          return [];
        case 'store':
          note(`store ${step.store}`);
          stage.store.down(step.store === 'down');
          // Workers that could not read try again.
          if (step.store === 'up') for (const one of stage.processes) one.worker.hears(clock.now());
          return [];
        case 'worker':
          worker(step);
          return [];
        case 'settings':
          configure(step);
          return [];
        case 'expect':
          return expect(step);
        default:
          deliver(step);
          return [];
      }
    },
  };
}
