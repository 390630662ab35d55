/**
 * Structured logging. `message` is a constant of ours; whatever came from outside goes into `fields`, never into the
 * message.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;
