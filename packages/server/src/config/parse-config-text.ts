import { parseDocument } from 'yaml';
import { type Config, readConfig } from '../config.ts';
import { ConfigError } from './config-error.ts';

/** More aliases than any real file has; a bomb of aliases within aliases is refused. */
const MAX_ALIASES = 100;

/**
 * The configuration in a text of YAML, of which JSON is a part. `file` is its name in messages.
 *
 * @throws ConfigError: one line, with the place for bad YAML, with the key for bad values.
 */
export function parseConfigText(text: string, file: string, baseDirectory: string): Config {
  try {
    return readConfig(valueInText(text), baseDirectory);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${file}: ${error.message}`) : error;
  }
}

function valueInText(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  const [fault] = document.errors;
  if (fault !== undefined) {
    throw badYaml(text, fault.pos[0], fault.message);
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw badYaml(text, 0, error instanceof Error ? error.message : String(error));
  }
}

function badYaml(text: string, offset: number, reason: string): ConfigError {
  const before = text.slice(0, offset).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  const [firstLine = ''] = reason.split('\n');
  return new ConfigError(`Bad YAML in line ${before.length}, column ${column}: ${firstLine}`);
}
