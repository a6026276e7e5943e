/** When people work, as settings. */
export interface CalendarSettings {
  /** IANA name, such as `Europe/Berlin`. */
  readonly zone: string;
  /** Spans of each weekday's local time, such as `['09:00-12:30', '13:30-17:00']`. A day that is not named is off. `24:00` ends a day. */
  readonly hours: Readonly<Partial<Record<Weekday, readonly string[]>>>;
  /** Local dates that are off, such as `2026-12-25`. @default none */
  readonly holidays?: readonly string[] | undefined;
}

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** Working time, made of settings by the shell: the arithmetic of zones is no business of the core. */
export interface Calendar {
  /** The instant at which `ms` of working time have passed since `from`, both epoch ms. Never before `from`. */
  after(from: number, ms: number): number;
}
