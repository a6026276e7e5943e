import type { Sessions } from '../../middleware/sessions.ts';
import type { ConversationAct, PresenceAct } from './format.ts';

/** The one desk of a scenario: bots hand over to it by this name. */
const deskName = 'desk';

/** Something done at the desk. Plain data: it may be done in another process. */
export type DeskAct = PresenceAct | (ConversationAct & { readonly key: string });

/**
 * Opens the desk of a scenario in one process.
 * @param agents in the order in which the rule chooses them
 * @returns does what people do there; rejects as the desk does
 */
export function scenarioDesk<Data>(sessions: Sessions<Data>, agents: readonly string[]): (act: DeskAct) => Promise<void> {
  const desk = sessions.desk(deskName, { agents });
  return async (act) => {
    switch (act.does) {
      case 'comesOnline':
      case 'goesOffline':
        return desk.presence(act.agent, act.does === 'comesOnline' ? 'online' : 'offline');
      case 'takes':
        return desk.assign(act.key, act.agent);
      case 'replies':
        return desk.reply(act.key, { agent: act.agent, message: act.says });
      case 'returns':
        return void (await desk.returnToBot(act.key));
      case 'closes':
        return void (await desk.close(act.key, { outcome: act.outcome }));
      case 'handoff':
        return void (await desk.handoff(act.key, act.agent === undefined ? 'queue' : { agent: act.agent }));
    }
  };
}
