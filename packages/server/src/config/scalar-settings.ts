import { resolve } from 'node:path';
import { asServerName, type ServerName } from '@limpet/protocol/identifiers';
import { type Description, type Setting, scalar } from './setting.ts';

export function flag(about: Description<boolean>): Setting<boolean> {
  return scalar('true or false', (value) => (typeof value === 'boolean' ? value : undefined), about);
}

export function integer(about: Description<number> & { minimum: number; maximum: number }): Setting<number> {
  const { minimum, maximum } = about;
  return scalar(
    `an integer from ${minimum} to ${maximum}`,
    (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum ? value : undefined,
    about,
  );
}

/** A number above 0, which need not be whole. */
export function positiveNumber(about: Description<number> & { maximum: number }): Setting<number> {
  const { maximum } = about;
  return scalar(
    `a number above 0, at most ${maximum}`,
    (value) =>
      typeof value === 'number' && Number.isFinite(value) && value > 0 && value <= maximum ? value : undefined,
    about,
  );
}

export function text(about: Description<string>): Setting<string> {
  return scalar('text', (value) => (typeof value === 'string' && value !== '' ? value : undefined), about);
}

export function choice<const T extends string>(options: readonly T[], about: Description<T>): Setting<T> {
  return scalar(options.join(' or '), (value) => options.find((option) => option === value), about);
}

/** A path of a file or directory; what is not absolute counts from the configuration file. */
export function path(about: Description<string>): Setting<string> {
  return scalar(
    'a path',
    (value, { baseDirectory }) => {
      if (typeof value !== 'string' || value === '') {
        return undefined;
      }
      return value === IN_MEMORY ? value : resolve(baseDirectory, value);
    },
    about,
  );
}

/** What SQLite calls a database that is gone when it is closed. */
const IN_MEMORY = ':memory:';

export function serverName(about: Description<string>): Setting<ServerName> {
  return scalar('a server name, like example.org or example.org:8448', asServerName, about);
}

/** A URL of one of these schemes, as it was written but for a slash at the end. */
export function url(schemes: readonly string[], about: Description<string>): Setting<string> {
  const type = `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return scalar(
    type,
    (value) => {
      const isGood =
        typeof value === 'string' && URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1));
      return isGood ? value.replace(/\/+$/, '') : undefined;
    },
    about,
  );
}
