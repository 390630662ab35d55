import { ConfigError } from './config-error.ts';
import { nearestName } from './nearest-name.ts';
import { type Description, type Place, type Setting, type SettingTable, scalar, shown, within } from './setting.ts';

/** What a section reads to: its keys in camel case. */
export type SectionValue<Table extends SettingTable> = {
  readonly [Key in keyof Table as CamelCase<Key & string>]: Table[Key] extends Setting<infer T> ? T : never;
};

type CamelCase<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text;

/** Settings under names. A name that is not in the table is refused, with the nearest one that is. */
export function section<Table extends SettingTable>(
  table: Table,
  about: { description: string; example?: unknown },
): Setting<SectionValue<Table>> {
  return {
    description: about.description,
    type: 'a section',
    defaultValue: undefined,
    example: about.example,
    inside: table,
    read(value, place) {
      const written = keysOf(value ?? {}, place);
      refuseUnknownKeys(written, table, place);
      const entries = Object.entries(table).map(([key, setting]) => [
        camelCase(key),
        setting.read(written[key] ?? undefined, within(place, key)),
      ]);
      return Object.freeze(Object.fromEntries(entries));
    },
  };
}

/** At least one entry, each read by the same setting. */
export function list<T>(entry: Setting<T>, about: Description<readonly unknown[]>): Setting<readonly T[]> {
  const isSections = entry.inside !== undefined;
  const type = isSections ? 'a list' : `a list of values, each ${entry.type}`;
  const base = scalar(type, (value) => (Array.isArray(value) ? value : undefined), about);
  return {
    ...base,
    inside: entry.inside,
    read(value, place) {
      const values: readonly unknown[] = base.read(value, place);
      if (values.length === 0 && about.default?.length !== 0) {
        throw new ConfigError(`"${place.key}" is empty. Give it at least one entry, or leave it out`);
      }
      return Object.freeze(values.map((item, index) => entry.read(item, within(place, index))));
    },
  };
}

/** Values under names that the operator chooses. Names and values have a setting each. */
export function mapping<T>(
  name: Setting<string>,
  entry: Setting<T>,
  about: Description<Readonly<Record<string, unknown>>>,
): Setting<ReadonlyMap<string, T>> {
  return {
    description: about.description,
    type: `names, each ${name.type}, with ${entry.type}`,
    defaultValue: about.default,
    example: about.example,
    inside: undefined,
    read(value, place) {
      const written = Object.entries(keysOf(value ?? about.default, place));
      return new Map(
        written.map(([key, item]) => [name.read(key, within(place, key)), entry.read(item, within(place, key))]),
      );
    },
  };
}

function keysOf(value: unknown, place: Place): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  const subject = place.key === '' ? 'The configuration' : `"${place.key}"`;
  throw new ConfigError(`${subject} must be keys with values, not ${shown(value)}`);
}

function refuseUnknownKeys(written: Record<string, unknown>, table: SettingTable, place: Place): void {
  const known = Object.keys(table);
  for (const key of Object.keys(written)) {
    if (!known.includes(key)) {
      const nearest = nearestName(key, known);
      const hint = nearest === undefined ? `Known here: ${known.join(', ')}` : `Did you mean "${nearest}"?`;
      throw new ConfigError(`Unknown key "${within(place, key).key}". ${hint}`);
    }
  }
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
