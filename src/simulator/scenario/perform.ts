import { keyOf } from '../../middleware/core/activity.ts';
import type { ConversationRecord } from '../../middleware/core/conversation.ts';
import { described } from './agents.ts';
import type {
  BotStarts,
  BotWorks,
  ChangesSettings,
  ConversationPlace,
  DeskActs,
  Erases,
  ExpectedContact,
  ExpectedState,
  Expects,
  ProcessTurns,
  Scenario,
  Step,
  StoreTurns,
  WorkerTurns,
} from './format.ts';
import { type Line, line, type Place } from './lines.ts';
import { type Mismatch, matchEvents } from './match.ts';
import { Killed } from './process.ts';
import { matchProfile, type ProfiledSession } from './profile.ts';
import { failure, sender } from './send.ts';
import type { Work } from './sight.ts';
import type { Stage } from './stage.ts';
import { type ConversationState, matchState, stateOf } from './state.ts';

/** Does what the steps of one scenario say. */
export interface Performer {
  /** Begins a step; it is over when the stage has come to rest. @returns expectations that do not hold */
  perform(step: Step): Promise<readonly Mismatch[]>;
}

export function performer(scenario: Scenario, stage: Stage): Performer {
  const { simulator, clock, rest, timeline, company } = stage;
  const channelOf = (endpoint: string) => scenario.endpoints[endpoint]?.channel ?? '';
  const addressOf = (endpoint: string, user: string) => simulator.address(channelOf(endpoint), endpoint, user);
  /** As the events name it; for somebody they have not named yet, as their address does. */
  const keyOfPerson = (endpoint: string, user: string) => {
    const scope = scenario.endpoints[endpoint]?.settings.scope ?? scenario.organization.scope ?? 'user';
    return (
      stage.keyOf(endpoint, user) ?? keyOf({ kind: 'lifecycle', type: 'none', ...addressOf(endpoint, user) }, endpoint, scope)
    );
  };
  const reached = ({ endpoint, user }: ConversationPlace) => {
    const key = keyOfPerson(endpoint, user);
    if (key === undefined) throw new RangeError(`${user} cannot be reached on ${endpoint}.`);
    return key;
  };
  const { deliver } = sender(scenario, stage);
  const note = (text: string, place: Place = {}) => timeline.note(line(clock.now(), 'scene', place, { text }));

  /** What dies with its process tells nobody. */
  const follow = (work: Work, doing: (name: string) => Promise<void>, failed: (error: unknown) => Line) => {
    rest.follow(work, doing).catch((error) => {
      if (!(error instanceof Killed)) timeline.add(failed(error));
    });
  };

  const botActs = (step: BotStarts | BotWorks) => {
    const { user, endpoint } = step;
    const place = { user, endpoint, channel: channelOf(endpoint) };
    const process = company.process(step.process);
    const doing = async (work: string) => {
      if (step.verb === 'bot starts') return process.opens(work, addressOf(endpoint, user), step.says);
      return process.holds(work, reached(step), step.forMs);
    };
    follow({ label: `${step.verb} with ${user} on ${endpoint}`, user }, doing, (error) =>
      failure(clock.now(), place, error, 'HANDLER_FAILED'),
    );
  };

  const deskActs = (step: DeskActs) => {
    const { act } = step;
    const place = 'place' in step ? { ...step.place, channel: channelOf(step.place.endpoint) } : {};
    note(described(act), place);
    const process = company.process(step.process);
    const doing = async (work: string) =>
      process.desk(work, 'place' in step ? { ...step.act, key: reached(step.place) } : step.act);
    const user = 'place' in step ? step.place.user : undefined;
    follow({ label: described(act), user }, doing, (error) => failure(clock.now(), place, error, 'DESK_FAILED'));
  };
  const erase = (step: Erases) => {
    const place = { user: step.user, endpoint: step.endpoint, channel: channelOf(step.endpoint) };
    const label = `${step.user} is erased`;
    note(label, place);
    const process = company.process(step.process);
    follow(
      { label, user: step.user },
      async (work) => process.erases(work, reached(step)),
      (error) => failure(clock.now(), place, error, 'STORE_UNAVAILABLE'),
    );
  };
  const worker = async ({ worker, process }: WorkerTurns) => {
    note(`worker ${worker}`);
    const those = process === undefined ? [...company.living().values()] : [company.process(process)];
    await Promise.all(those.map((one) => one.worker(worker)));
  };
  const store = async ({ store }: StoreTurns) => {
    note(`store ${store}`);
    await company.turnStore(store);
  };
  const process = async ({ process, verb }: ProcessTurns) => {
    note(`process ${process} ${verb}`);
    if (verb === 'dies') await stage.kill(process);
    else await company.start([process]);
  };
  const configure = ({ change }: ChangesSettings) => {
    note('settings change');
    const [first, ...others] = company.living().values();
    if (first === undefined) return company.changes(change);
    const doing = async (work: string) => {
      await first.configure(work, change);
      // They would see it within seconds; in a scenario nothing takes longer than it says.
      await Promise.all(others.map((one) => one.configure(work)));
    };
    follow({ label: 'a change of settings', user: undefined }, doing, (error) =>
      failure(clock.now(), {}, error, 'STORE_UNAVAILABLE'),
    );
  };

  const stateNow = async ({ user, endpoint }: ExpectedState): Promise<ConversationState> => {
    const key = keyOfPerson(endpoint, user);
    const [process] = company.living().values();
    if (key === undefined || process === undefined) return stateOf(undefined, undefined, clock.now());
    const found = await stage.store.find({ keys: [key], limit: 1 });
    const record = found.records[0]?.record as unknown as ConversationRecord | undefined;
    return stateOf(record, await process.explain(key), clock.now());
  };
  const profileNow = async (step: ExpectedContact): Promise<readonly ProfiledSession[]> => {
    const key = keyOfPerson(step.endpoint, step.user);
    if (key === undefined) return [];
    const ofThem = timeline.events().filter(({ user, endpoint }) => user === step.user && endpoint === step.endpoint);
    const named = new Set(ofThem.flatMap(({ session }) => (typeof session === 'string' ? [session] : [])));
    let profile: readonly ProfiledSession[] = [];
    // Each writes down what it has not yet, so the last one knows of everything.
    for (const process of company.living().values()) profile = await process.profile(key, [...named]);
    return profile;
  };
  const expect = async (step: Expects): Promise<readonly Mismatch[]> => {
    const wrong = step.closesWindow ? matchEvents(step, timeline.fresh(), scenario.offset) : [];
    for (const entry of step.entries) {
      if (entry.about === 'state') wrong.push(...matchState(entry, await stateNow(entry), scenario.offset));
      if (entry.about === 'contact') wrong.push(...matchProfile(entry, await profileNow(entry), scenario.offset));
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
        case 'desk':
          deskActs(step);
          return [];
        case 'erases':
          erase(step);
          return [];
        case 'vendor fails':
          note(`${step.channel} fails: ${step.fault}`);
          simulator.fail(step.channel, step.fault, step.times);
          return [];
        case 'store':
          await store(step);
          return [];
        case 'worker':
          await worker(step);
          return [];
        case 'dies':
        case 'restarts':
          await process(step);
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
