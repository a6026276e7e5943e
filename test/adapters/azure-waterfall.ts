import { ConversationState as AgentsState, MemoryStorage as AgentsStorage } from '@microsoft/agents-hosting';
import { ConversationState, MemoryStorage } from 'botbuilder';
import { type SessionStorageOptions, sessionStorage } from '../../src/adapters/azure.ts';
import type { Bot, BotSessions, Context, Sdk } from './azure-bots.ts';

/** The parts of a `ConversationState` of either SDK. */
interface State {
  createProperty(name: string): { get(context: Context, initial: object): Promise<unknown> };
  saveChanges(context: Context): Promise<void>;
}

/** What botbuilder-dialogs keeps under its `DialogState` property. */
interface DialogState {
  dialogStack: { id: string; state: { stepIndex: number; values: string[] } }[];
}

export interface Waterfall {
  /** A handler that asks for a fruit, then for a number, then repeats both; the word `hold` waits for `held` before its step is saved. */
  readonly logic: (context: Context, bot: Bot) => Promise<void>;
  /** The keys of the inner storage that hold something. */
  keys(): string[];
  /** Resolves once a turn is being held. */
  readonly holding: Promise<void>;
  release(): void;
}

/** A waterfall over the SDK's own `ConversationState` and `MemoryStorage`, kept and saved as a bot with botbuilder-dialogs does it. */
export function waterfall(sdk: Sdk, options?: SessionStorageOptions): Waterfall {
  const memory: Record<string, unknown> = {};
  const { promise: holding, resolve: hold } = Promise.withResolvers<void>();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let made: State | undefined;
  const stateOf = (sessions: BotSessions): State =>
    sdk === 'botbuilder'
      ? (new ConversationState(sessionStorage(sessions, new MemoryStorage(memory as never), options)) as unknown as State)
      : (new AgentsState(sessionStorage(sessions, new AgentsStorage(memory as never), options)) as unknown as State);
  return {
    async logic(context, { sessions }) {
      const { type, text = '' } = context.activity;
      if (type !== 'message') return;
      made ??= stateOf(sessions);
      const dialogs = (await made.createProperty('DialogState').get(context, { dialogStack: [] })) as DialogState;
      const said = step(dialogs, text);
      if (text === 'hold') {
        hold();
        await held;
      }
      await made.saveChanges(context);
      await context.sendActivity(said);
    },
    keys: () => Object.keys(memory).filter((key) => memory[key] !== undefined),
    holding,
    release,
  };
}

/** Does the next step of the dialog on top of the stack, which begins if there is none. */
function step({ dialogStack }: DialogState, text: string): string {
  const [order] = dialogStack;
  if (order === undefined) {
    dialogStack.push({ id: 'order', state: { stepIndex: 0, values: [] } });
    return 'Which fruit?';
  }
  order.state.stepIndex += 1;
  order.state.values.push(text);
  if (order.state.stepIndex === 1) return 'How many?';
  dialogStack.pop();
  return order.state.values.join(' ');
}
