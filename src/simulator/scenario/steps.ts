import { toMs } from '../../middleware/core/duration.ts';
import type { Act, Vendor } from '../vendor.ts';
import { readDeskActs } from './agents.ts';
import { readExpectations } from './expectations.ts';
import {
  type BotStarts,
  type BotWorks,
  type PersonActs,
  type ProcessTurns,
  ScenarioError,
  type SendsRaw,
  type Step,
  type VendorFails,
  type WebhookStep,
} from './format.ts';
import type { Reader } from './read.ts';
import { changed, readChange } from './settings.ts';
import { endpointOf, livingProcessOf, placeOf, processOf, type Surroundings } from './surroundings.ts';
import { resolveAt, resolveWrittenAt } from './times.ts';

const plainActs = ['refreshes', 'reads', 'types', 'reacts', 'edits', 'unsends', 'joins'] as const;
/** Verbs of their own, that cannot overlap. */
const faults = ['vendor', 'store', 'worker', 'dies', 'restarts'] as const;
const soleVerbs: readonly string[] = ['together', 'bot', ...faults, 'does', 'settings', 'erases', 'expect', 'state'];
const verbs = ['says', 'taps', ...plainActs, 'redelivers', 'sends', ...soleVerbs];

export function readSteps(steps: readonly Reader[], around: Omit<Surroundings, 'dead'>): Step[] {
  const ids = new Set<string>();
  const dead = new Set<number>();
  let previous = around.at;
  let { settings } = around;
  return steps.map((object) => {
    const at = resolveAt(object.text('at'), previous, around.offset);
    if (at === undefined)
      throw new ScenarioError(object.at('at'), `"${object.text('at')}" is no clock time, ISO instant or "+31m".`);
    if (at < previous) throw new ScenarioError(object.at('at'), `"${object.text('at')}" goes back in time.`);
    previous = at;
    const verb = readVerb(object, { ...around, at, settings, dead }, ids);
    if (verb.verb === 'settings') settings = changed(settings, verb.change);
    if (verb.verb === 'dies') dead.add(verb.process);
    if (verb.verb === 'restarts') dead.delete(verb.process);
    return { at, path: object.path, ...verb };
  });
}

type Verb = Step extends infer Each ? (Each extends Step ? Omit<Each, 'at' | 'path'> : never) : never;

function readVerb(step: Reader, around: Surroundings, ids: Set<string>): Verb {
  switch (verbOf(step)) {
    case 'together':
      return readTogether(step, around, ids);
    case 'bot':
      return readBot(step, around);
    case 'does':
      return readDeskActs(step, around);
    case 'vendor':
      return readFault(step, around);
    case 'store':
      step.only('at', 'store');
      return { verb: 'store', store: step.oneOf('store', ['down', 'up']) };
    case 'worker':
      step.only('at', 'worker', 'process');
      return {
        verb: 'worker',
        worker: step.oneOf('worker', ['stops', 'starts']),
        process: step.has('process') ? livingProcessOf(step, around) : undefined,
      };
    case 'dies':
      step.only('at', 'dies', 'process');
      step.isTrue('dies');
      return { verb: 'dies', process: livingProcessOf(step, around) };
    case 'restarts':
      return readRestart(step, around);
    case 'settings':
      return readChange(step, around.settings, around.vendors);
    case 'erases':
      step.only('at', 'erases', 'endpoint', 'process');
      return { verb: 'erases', ...placeOf(step, around, 'erases'), process: livingProcessOf(step, around) };
    case 'expect':
    case 'state':
      step.only('at', 'expect', 'state', 'ordered');
      return readExpectations(step, around);
    default:
      return readDelivered(step, around, ids);
  }
}

/** The one verb of a step. `bot` and `does` may carry `says`, `expect` may carry `state`. */
function verbOf(step: Reader): string {
  const found = verbs.filter((verb) => step.has(verb));
  if (step.has('agent') || found.includes('does')) return 'does';
  if (found.includes('bot')) return 'bot';
  if (found.every((verb) => verb === 'expect' || verb === 'state') && found[0]) return found[0];
  const [verb, second] = found;
  if (verb === undefined) throw new ScenarioError(step.path, `has no verb; known are ${verbs.join(', ')}.`);
  if (second !== undefined) throw new ScenarioError(step.path, `has two verbs, "${verb}" and "${second}".`);
  return verb;
}

function readTogether(step: Reader, around: Surroundings, ids: Set<string>): Verb {
  step.only('at', 'together');
  const deliveries = step.objects('together').map((inner) => {
    if (inner.has('at')) throw new ScenarioError(inner.at('at'), 'a step inside "together" has no time of its own.');
    const verb = verbOf(inner);
    if (soleVerbs.includes(verb)) {
      throw new ScenarioError(inner.at(verb), 'only deliveries can overlap.');
    }
    return readDelivered(inner, around, ids);
  });
  return { verb: 'together', deliveries };
}

function readDelivered(step: Reader, around: Surroundings, ids: Set<string>): WebhookStep {
  const verb = verbOf(step);
  if (verb === 'redelivers') {
    step.only('at', 'redelivers', 'process');
    const id = step.text('redelivers');
    if (!ids.has(id)) throw new ScenarioError(step.at('redelivers'), `no delivery before this one has the id "${id}".`);
    return { verb: 'redelivers', id, process: processOf(step, around) };
  }
  const delivered = verb === 'sends' ? readRaw(step, around) : readAct(step, around, verb);
  if (delivered.id !== undefined) {
    if (ids.has(delivered.id)) throw new ScenarioError(step.at('id'), `"${delivered.id}" names another delivery already.`);
    ids.add(delivered.id);
  }
  return delivered;
}

function readAct(step: Reader, around: Surroundings, verb: string): PersonActs {
  step.only('at', 'user', 'endpoint', 'process', 'id', 'writtenAt', verb);
  const { endpoint, channel } = endpointOf(step, around);
  const act = actOf(step, verb);
  const vendor = around.vendors.find((one) => one.channel === channel);
  if (vendor === undefined || !exists(vendor, act))
    throw new ScenarioError(step.at(verb), `"${verb}" does not exist on ${channel}.`);
  const written = step.optionalText('writtenAt');
  const writtenAt = written === undefined ? undefined : resolveWrittenAt(written, around.at, around.offset);
  if (written !== undefined && (writtenAt === undefined || writtenAt > around.at)) {
    throw new ScenarioError(step.at('writtenAt'), `"${written}" is no clock time or ISO instant before the step.`);
  }
  return {
    verb: 'acts',
    user: step.text('user'),
    endpoint,
    act,
    writtenAt,
    id: step.optionalText('id'),
    process: processOf(step, around),
  };
}

function actOf(step: Reader, verb: string): Act {
  if (verb === 'says') return { does: 'says', text: step.text('says') };
  if (verb === 'taps') return { does: 'taps', payload: step.text('taps') };
  const does = plainActs.find((one) => one === verb);
  if (does === undefined) throw new ScenarioError(step.path, `"${verb}" is no act of a person.`);
  step.isTrue(verb);
  return { does };
}

/** Whether this vendor has a webhook for such an act. */
function exists(vendor: Vendor, act: Act): boolean {
  const identity = vendor.identity('any');
  const context = {
    identity,
    user: 'any',
    person: vendor.person('any'),
    at: 0,
    sequence: 1,
    about: undefined,
    vendorUrl: 'http://127.0.0.1',
  };
  return vendor.webhook(act, context) !== undefined;
}

function readRaw(step: Reader, around: Surroundings): SendsRaw {
  step.only('at', 'user', 'endpoint', 'process', 'id', 'sends', 'signature');
  const { endpoint } = endpointOf(step, around);
  const sends = step.object('sends');
  sends.only('body', 'headers', 'signature');
  if (!sends.has('body')) throw new ScenarioError(sends.at('body'), 'is missing.');
  const headers = sends.has('headers') ? sends.object('headers') : undefined;
  const signed = [step, sends].find((one) => one.has('signature'));
  return {
    verb: 'sends',
    user: step.optionalText('user'),
    endpoint,
    body: sends.raw('body'),
    headers: Object.fromEntries((headers?.keys ?? []).map((name) => [name.toLowerCase(), headers?.text(name) ?? ''])),
    signature: signed?.oneOf('signature', ['wrong', 'none', 'stale']) ?? 'right',
    id: step.optionalText('id'),
    process: processOf(step, around),
  };
}

function readRestart(step: Reader, around: Surroundings): ProcessTurns & { readonly verb: 'restarts' } {
  step.only('at', 'restarts', 'process');
  step.isTrue('restarts');
  const process = processOf(step, around);
  if (!around.dead.has(process)) throw new ScenarioError(step.path, `process ${process} has not died.`);
  return { verb: 'restarts', process };
}

function readBot(step: Reader, around: Surroundings): BotStarts | BotWorks {
  const place = { user: step.text('user'), endpoint: endpointOf(step, around).endpoint, process: livingProcessOf(step, around) };
  if (step.oneOf('bot', ['starts', 'works']) === 'starts') {
    step.only('at', 'user', 'endpoint', 'process', 'bot', 'says');
    return { verb: 'bot starts', ...place, says: step.optionalText('says') };
  }
  step.only('at', 'user', 'endpoint', 'process', 'bot', 'for');
  const forMs = toMs(step.raw('for'));
  if (forMs === undefined) throw new ScenarioError(step.at('for'), 'must be a duration such as "30s".');
  return { verb: 'bot works', ...place, forMs };
}

function readFault(step: Reader, around: Surroundings): VendorFails {
  step.only('at', 'vendor', 'fails', 'times');
  return {
    verb: 'vendor fails',
    channel: step.oneOf(
      'vendor',
      around.vendors.map((vendor) => vendor.channel),
    ),
    fault: step.oneOf('fails', ['429', '500', '500-delivered', 'timeout', 'window', 'blocked']),
    times: step.count('times', 1, 1),
  };
}
