import { ConfigError } from './config-error.ts';

/**
 * One setting, or a section of them: how it is read and checked, and what the documentation says of it. The reader,
 * `docs/configuration.md` and `limpet config example` all come from the same values.
 */
export interface Setting<T> {
  readonly description: string;
  /** What may stand there, in words: `an integer from 0 to 65535`. */
  readonly type: string;
  /** The value without the key, as it would be written; `undefined` where leaving it out means something of its own. */
  readonly defaultValue: unknown;
  /** Something to write in the example where there is no default. */
  readonly example: unknown;
  /** The settings inside, for a section; those of each entry, for a list of sections. */
  readonly inside: SettingTable | undefined;
  /** Reads what was written; `undefined` when the key is not there. Throws ConfigError. */
  read(value: unknown, place: Place): T;
}

export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

/** Where a value stands: its key, as a message names it, and what relative paths are relative to. */
export interface Place {
  readonly key: string;
  readonly baseDirectory: string;
}

export interface Description<T> {
  readonly description: string;
  readonly default?: T;
  readonly example?: T;
}

/** Reads a value that is one thing: `accept` gives it, or `undefined` when it is not what `type` says. */
export function scalar<T>(
  type: string,
  accept: (value: unknown, place: Place) => T | undefined,
  about: Description<unknown>,
): Setting<T> {
  return {
    description: about.description,
    type,
    defaultValue: about.default,
    example: about.example,
    inside: undefined,
    read(value, place) {
      const given = value ?? about.default;
      if (given === undefined) {
        throw new ConfigError(`"${place.key}" is missing. Give it ${type}`);
      }
      const accepted = accept(given, place);
      if (accepted === undefined) {
        throw new ConfigError(`"${place.key}" must be ${type}, not ${shown(given)}`);
      }
      return accepted;
    },
  };
}

/** May be left out, and is `undefined` then. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return {
    ...setting,
    read: (value, place) => (value === undefined || value === null ? undefined : setting.read(value, place)),
  };
}

/** The place of a key inside this one. */
export function within(place: Place, key: string | number): Place {
  const name = typeof key === 'number' ? `${place.key}[${key}]` : place.key === '' ? key : `${place.key}.${key}`;
  return { ...place, key: name };
}

/** Longest piece of a wrong value that a message repeats. */
const MAX_SHOWN_LENGTH = 60;

export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}
