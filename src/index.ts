export { createSessions } from './create-sessions.ts';
export type { Actor } from './middleware/actor.ts';
export type { Adapter, AdapterOptions, Capabilities } from './middleware/adapter.ts';
export {
  type Archive,
  type ClosedSession,
  memoryArchive,
  type SessionsPage,
  type TranscriptLine,
  type TranscriptPage,
} from './middleware/archive.ts';
export { type Clock, systemClock } from './middleware/clock.ts';
export type { Contact, ContactPage, ContactSession } from './middleware/contacts.ts';
export type { Activity, CommandName, Conversation, Scope } from './middleware/core/activity.ts';
export type { AgentSettings } from './middleware/core/agents.ts';
export type { CalendarSettings } from './middleware/core/calendar.ts';
export type { CommandSettings } from './middleware/core/commands.ts';
export type { Address } from './middleware/core/conversation.ts';
export type { Agent } from './middleware/core/desk-record.ts';
export type { Duration } from './middleware/core/duration.ts';
export type { Explanation } from './middleware/core/explain.ts';
export type { EndpointSettings, OrganizationSettings } from './middleware/core/policy.ts';
export { presets } from './middleware/core/presets.ts';
export type { CloseReason, EndedSession, StartReason } from './middleware/core/session.ts';
export type { SettingsChange, SettingsHistoryEntry } from './middleware/core/settings-record.ts';
export type { AssignmentRule, Desk, DeskConversation, DeskOptions } from './middleware/desk.ts';
export type { ErasureReport } from './middleware/erasure.ts';
export { AdjournError, type ErrorCode, errorCodes, isAdjournError } from './middleware/errors.ts';
export type { AdjournEvent, EventName } from './middleware/events.ts';
export type { ContactExport, ExportedIdentity, ExportPart } from './middleware/export.ts';
export type { EndpointOptions, Hooks, OrganizationOptions } from './middleware/hooks.ts';
export type { LivePage, LiveQuery, LiveSession } from './middleware/live.ts';
export type {
  HistoryQuery,
  LiveSettings,
  SetOptions,
  SettingsInEffect,
  SettingsReport,
} from './middleware/live-settings.ts';
export type { ExplainedSession, Logger, Sessions, SessionsOptions } from './middleware/sessions.ts';
export type { Percentiles, StatsBilling, StatsGroup, StatsGroups, StatsQuery, StatsRow } from './middleware/stats.ts';
export type { Store } from './middleware/store.ts';
export type { HandoffTo, Session, Turn } from './middleware/turn.ts';
export { keyvStore } from './stores/keyv.ts';
