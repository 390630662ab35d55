import { inline } from './config-example.ts';
import type { Setting, SettingTable } from './setting.ts';
import { SETTINGS } from './settings.ts';

/** `docs/configuration.md`: every key with its type, its default and its meaning. */
export function configDocument(): string {
  return `${INTRODUCTION}\n${Object.entries(SETTINGS)
    .map(([key, setting]) => chapter(key, setting))
    .join('\n')}`;
}

const INTRODUCTION = `# Configuration

This page is generated from \`packages/server/src/config/settings.ts\`, and a test fails
where it is out of date. To write it anew: \`npm run -s limpet -- config document > docs/configuration.md\`.

Limpet runs without any configuration. A file is given with \`--config FILE\`:

    npm start -- --config limpet.yaml

It is YAML (so JSON will do). \`npm run limpet -- config example\` prints one with every key, and
\`npm run limpet -- config check --config FILE\` says whether a file is good. Relative paths count from the directory
of the file, or from the current directory where there is no file. An unknown key, a wrong type, a missing file: one
line that names the key, and exit status 2. Environment variables are not read.
`;

function chapter(key: string, setting: Setting<unknown>): string {
  if (setting.inside === undefined) {
    const example = setting.example === undefined ? '' : `\nFor example \`${key}: ${inline(setting.example)}\`.\n`;
    return `## \`${key}\`\n\n${setting.description}\n\nIt takes ${setting.type}. ${defaultOf(setting)}.\n${example}`;
  }
  const rows = rowsOf(Array.isArray(setting.defaultValue) ? `${key}[]` : key, setting.inside);
  const table = ['| key | takes | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
  const whole = setting.defaultValue === undefined ? '' : ` ${defaultOf(setting)}.`;
  return `## \`${key}\`\n\n${setting.description}${whole}\n\n${table}\n`;
}

function rowsOf(prefix: string, table: SettingTable): string[] {
  return Object.entries(table).flatMap(([key, setting]) => {
    const name = `${prefix}.${key}`;
    const row = `| \`${name}\` | ${setting.type} | ${shortDefault(setting)} | ${setting.description} |`;
    return setting.inside === undefined ? [row] : [row, ...rowsOf(name, setting.inside)];
  });
}

function defaultOf(setting: Setting<unknown>): string {
  return setting.defaultValue === undefined
    ? 'There is no default'
    : `The default is \`${inline(setting.defaultValue)}\``;
}

function shortDefault(setting: Setting<unknown>): string {
  return setting.defaultValue === undefined ? '' : `\`${inline(setting.defaultValue)}\``;
}
