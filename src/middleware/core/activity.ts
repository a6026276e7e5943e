/**
 * One normalised inbound thing, as an adapter's parser returns it. Plain data, never changed after parsing.
 *
 * The kind says what it may do to a session:
 * - `message`, `postback`: the user did something. Moves the clock and runs a turn.
 * - `command`: the channel's own control for a session command, such as `refresh: true` in a payload.
 * - `lifecycle`: a receipt, an echo, a join, an edit … It reaches the bot, but opens and keeps alive nothing.
 * - `unsupported`: a shape the parser does not know. It reaches the bot untouched.
 */
export type Activity = MessageActivity | PostbackActivity | CommandActivity | LifecycleActivity | UnsupportedActivity;

/** What every activity says about where it comes from. */
export interface Origin {
  /** The channel's name: the name of its adapter. */
  readonly channel: string;
  /** The vendor's own word for this kind of thing, for logs and events: `message`, `block_actions`, `follow` … */
  readonly type: string;
  /** The bot's side as the vendor names it: page id, phone number id, `destination`, `To`. */
  readonly account?: string | undefined;
  readonly conversation?: Conversation | undefined;
  /** The network behind a channel that relays others (Azure Bot Service: `msteams`, `facebook` …). */
  readonly via?: string | undefined;
  /** The person as the channel names them. Absent where the channel does not say. */
  readonly user?: string | undefined;
  /** Another name the same person is known by on this channel (WhatsApp: the phone number beside the business-scoped id). */
  readonly alias?: string | undefined;
  /** The id that stays the same when the vendor delivers this very activity again. */
  readonly id?: string | undefined;
  /**
   * Set where one post reaches the bot as several activities (Slack: `message` and `app_mention`): the id of the post.
   * The first of them touches the session, the others join it.
   */
  readonly post?: string | undefined;
  /** Channel time, epoch milliseconds. Advisory. */
  readonly at?: number | undefined;
  /** Granularity of `at` in milliseconds where it is coarser than one (WhatsApp stamps whole seconds: 1000). */
  readonly precision?: number | undefined;
  /** BCP 47 tag, where the channel gives one. */
  readonly locale?: string | undefined;
}

/** The place where they talk. */
export interface Conversation {
  /** Unique on this endpoint. For a direct conversation that can also be reached without a conversation id, the user's id. */
  readonly id: string;
  /** `direct`: one person and the bot. `shared`: several people. */
  readonly kind: 'direct' | 'shared';
  /** The thread inside it, where the activity is in one. A thread is a conversation of its own. */
  readonly thread?: string | undefined;
  /** The thread that would begin with this activity; counts for scope `thread` only. */
  readonly root?: string | undefined;
}

export interface MessageActivity extends Origin {
  readonly kind: 'message';
  /**
   * What the user wrote, without a leading mention of the bot. Absent where commands must not be read: captions, pictures, stickers.
   */
  readonly text?: string | undefined;
  /** In a shared conversation: whether the bot was spoken to (mention, slash command). Always true in a direct one. */
  readonly addressed: boolean;
}

/** A button, quick reply, menu item or slash command of the bot's own. */
export interface PostbackActivity extends Origin {
  readonly kind: 'postback';
  /** The developer's value. `DISCARD_ALL`, `discard-all` and `discard all` name the same command. */
  readonly payload?: string | undefined;
}

/** The channel's own form of a session command. */
export interface CommandActivity extends Origin {
  readonly kind: 'command';
  readonly command: CommandName;
  /** Whether the payload also carries text or a value, to be delivered as the new session's first turn. */
  readonly content: boolean;
}

export interface LifecycleActivity extends Origin {
  readonly kind: 'lifecycle';
  /**
   * `proactive`: a turn the bot itself began (Azure `ContinueConversation`): it gets the live session, but is no activity.
   * `unreachable`, `reachable`: the contact opted out or blocked the bot, or came back.
   * `renamed`: the person of `alias` is called `user` from now on.
   * `agent_replied`: a person answered the user in our place. `handed_off`: people have the conversation now. `handed_back`: it is the bot's.
   * `customer_wrote`: the user wrote to another app, which has the conversation: they wait for an answer there.
   */
  readonly means?:
    | 'proactive'
    | 'unreachable'
    | 'reachable'
    | 'renamed'
    | 'agent_replied'
    | 'handed_off'
    | 'handed_back'
    | 'customer_wrote'
    | undefined;
  /** Who that is, as the vendor names them. */
  readonly agent?: string | undefined;
  /** With `handed_off`: to another app, so that nothing of the user's reaches us until it is handed back. */
  readonly elsewhere?: true | undefined;
  /** What the vendor says later about a message of ours: a delivery status, an echo. */
  readonly report?: DeliveryReport | undefined;
}

/** The fate of a message that announced a close. */
export interface DeliveryReport {
  /** The close it announced, as the message carried it. */
  readonly closeId: string;
  /** `failed:` with the vendor's code, such as `failed:131047`. */
  readonly message: 'sent' | `failed:${string}`;
}

export interface UnsupportedActivity extends Origin {
  readonly kind: 'unsupported';
  /** Why, in a few words, without content of the payload. */
  readonly reason: string;
}

export type CommandName = 'discard' | 'discard all' | 'refresh';

/** Whether an activity is the user's own act, which moves the clock. */
export function isInput(activity: Activity): activity is MessageActivity | PostbackActivity | CommandActivity {
  return activity.kind === 'message' || activity.kind === 'postback' || activity.kind === 'command';
}

/** Who shares a session: each user by themselves, all users of a thread, or all users of a conversation. */
export type Scope = 'user' | 'thread' | 'conversation';

/** Longest id that names a record; a longer one is a hostile payload and names none. */
const longestId = 512;

/**
 * The key of the conversation record an activity belongs to: `channel/endpoint/conversation[/user]`, each part percent-encoded.
 * Undefined where the activity names neither a conversation nor a user, or an id no vendor would send.
 */
export function keyOf(activity: Activity, endpoint: string, scope: Scope): string | undefined {
  const place = activity.conversation ?? direct(activity.user);
  if (!place || !isId(place.id)) return undefined;
  const thread = threadOf(place, scope);
  if (thread !== undefined && !isId(thread)) return undefined;
  const conversation = thread === undefined ? place.id : `${place.id}:${thread}`;
  const parts = [activity.channel, endpoint, conversation];
  if (scope === 'user' && place.kind === 'shared' && activity.user !== undefined) {
    if (!isId(activity.user)) return undefined;
    parts.push(activity.user);
  }
  return parts.map(encodeURIComponent).join('/').replace(/^~/, '%7E');
}

/**
 * The key of a record that belongs to no conversation: a desk's, the settings'. No channel has such a name, so none can be taken for
 * a conversation's.
 */
export function systemKey(kind: string, name?: string): string {
  const parts = name === undefined ? [kind] : [kind, name];
  return systemMark + parts.map(encodeURIComponent).join('/');
}

/** What a system key names. */
export function systemPartsOf(key: string): { readonly kind: string; readonly name: string } {
  const [kind = '', name = ''] = key.slice(systemMark.length).split('/').map(decodeURIComponent);
  return { kind, name };
}

export function isSystemKey(key: string): boolean {
  return key.startsWith(systemMark);
}

const systemMark = '~';

/** Whether a text is the key of a conversation as {@link keyOf} makes it. */
export function isKey(text: string): boolean {
  const parts = text.split('/');
  if (parts.length < 3 || parts.length > 4 || parts.includes('')) return false;
  try {
    return (
      parts
        .map((part) => encodeURIComponent(decodeURIComponent(part)))
        .join('/')
        .replace(/^~/, '%7E') === text
    );
  } catch {
    return false;
  }
}

/** The key the same activity would have under the person's other name; undefined where it has none. */
export function aliasKeyOf(activity: Activity, endpoint: string, scope: Scope): string | undefined {
  const { alias, user, conversation } = activity;
  if (alias === undefined || alias === user) return undefined;
  const place = conversation?.kind === 'direct' && conversation.id === user ? { ...conversation, id: alias } : conversation;
  return keyOf({ ...activity, user: alias, conversation: place }, endpoint, scope);
}

/** The parts of a key, decoded. */
export function partsOf(key: string): { channel: string; endpoint: string; conversation: string; user?: string } {
  const [channel = '', endpoint = '', conversation = '', user] = key.split('/').map(decodeURIComponent);
  return user === undefined ? { channel, endpoint, conversation } : { channel, endpoint, conversation, user };
}

function direct(user: string | undefined): Conversation | undefined {
  return user === undefined ? undefined : { id: user, kind: 'direct' };
}

function threadOf(place: Conversation, scope: Scope): string | undefined {
  if (scope === 'conversation') return undefined;
  return scope === 'thread' ? (place.thread ?? place.root) : place.thread;
}

function isId(value: string): boolean {
  return value.length > 0 && value.length <= longestId && value.isWellFormed();
}
