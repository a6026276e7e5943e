/**
 * What travels with a message that announces a close, and comes back in Messenger's echoes (`metadata`) and WhatsApp's statuses
 * (`biz_opaque_callback_data`). The prefix tells it from what a bot puts there for its own purposes.
 */
const mark = /^adjourn:([\w-]{1,64})$/;

export function markOf(closeId: string): string {
  return `adjourn:${closeId}`;
}

/** The close a message announced; undefined where it is none of ours. */
export function closeIn(value: unknown): string | undefined {
  return typeof value === 'string' ? mark.exec(value)?.[1] : undefined;
}
