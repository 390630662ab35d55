import type { Setting, SettingTable } from './setting.ts';
import { SETTINGS } from './settings.ts';

/** Width of the comments, in characters. */
const COMMENT_WIDTH = 100;

/** A configuration file that says in comments what every key means. As it stands it changes nothing. */
export function configExample(): string {
  return [
    '# Configuration of Limpet. Every key may be left out; what stands here are the defaults,',
    '# and behind "#" what else there is. Relative paths count from the directory of this file.',
    '',
    ...linesOfTable(SETTINGS, ''),
    '',
  ].join('\n');
}

/** What has no default is all comment, written so that taking the first "# " from its lines brings it to life. */
function linesOfTable(table: SettingTable, indent: string, isInComment = false): string[] {
  return Object.entries(table).flatMap(([key, setting], index) => {
    const separator = indent === '' && index > 0 ? [''] : [];
    const isActive = isInComment || hasDefault(setting);
    const lines = linesOfSetting([key, setting], indent, !isActive || isInComment);
    return [...separator, ...comment(setting.description, indent), ...(isActive ? lines : lines.map(commented))];
  });
}

function linesOfSetting([key, setting]: [string, Setting<unknown>], indent: string, isInComment: boolean): string[] {
  const { inside, defaultValue, example } = setting;
  if (inside === undefined) {
    const line = `${indent}${key}: ${inline(defaultValue ?? example)}`;
    const other = defaultValue !== undefined && example !== undefined;
    return other ? [`${indent}#   ${key}: ${inline(example)}`, line] : [line];
  }
  if (Array.isArray(defaultValue)) {
    if (defaultValue.length === 0) return [...exampleEntry(key, example, indent), `${indent}${key}: []`];
    const [first = '', ...rest] = linesOfTable(withDefaults(inside, defaultValue[0]), `${indent}    `);
    return [`${indent}${key}:`, `${indent}  -${first.slice(indent.length + 3)}`, ...rest];
  }
  return [`${indent}${key}:`, ...linesOfTable(inside, `${indent}  `, isInComment)];
}

/** In comments, for a list that is empty by default: one entry, each of its keys in a line. */
function exampleEntry(key: string, example: unknown, indent: string): string[] {
  const [entry = {}] = Array.isArray(example) ? example : [];
  const lines = Object.entries(entry).map(([name, value], index) => {
    return `${indent}#     ${index === 0 ? '-' : ' '} ${name}: ${inline(value)}`;
  });
  return [`${indent}#   ${key}:`, ...lines];
}

function hasDefault(setting: Setting<unknown>): boolean {
  const inside = Object.values(setting.inside ?? {});
  return setting.defaultValue !== undefined || inside.some(hasDefault);
}

function commented(line: string): string {
  return line.trimStart().startsWith('#') ? line : line.replace(/^(\s*)/, '$1# ');
}

/** The table, with what a default entry of the list says as defaults. */
function withDefaults(table: SettingTable, entry: Record<string, unknown>): SettingTable {
  const settings = Object.entries(table).map(([key, setting]) => [
    key,
    key in entry ? { ...setting, defaultValue: entry[key], example: undefined } : setting,
  ]);
  return Object.fromEntries(settings);
}

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.replaceAll('`', '').split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || indent.length + last.length + word.length > COMMENT_WIDTH) {
      lines.push(`${indent}# ${word}`);
    } else {
      lines[lines.length - 1] = `${last} ${word}`;
    }
  }
  return lines;
}

/** A value on one line, as YAML takes it. */
export function inline(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(inline).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${key}: ${inline(item)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'string' && !/^[a-zA-Z0-9][\w./ -]*$/.test(value) ? JSON.stringify(value) : String(value);
}
