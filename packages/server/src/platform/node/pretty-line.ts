/**
 * One line of JSON as a person reads it: time, level, message, then each field as `name=value`. Values are written as
 * JSON, so that a line break or an escape sequence from outside stays text. Stacks of errors follow on lines of their
 * own.
 */
export function prettyLine(line: string, isColored: boolean): string {
  const { level, time, msg, error, ...fields } = JSON.parse(line) as Entry;
  const { name, color } = LEVELS[level] ?? { name: String(level), color: 0 };
  const paint = (text: string, code: number) => (isColored ? `\u001b[${code}m${text}\u001b[0m` : text);
  const parts = [paint(new Date(time).toISOString().slice(11, 23), GRAY), paint(name, color), msg ?? ''];
  for (const [key, value] of Object.entries(fields)) {
    parts.push(`${paint(`${key}=`, GRAY)}${JSON.stringify(value)}`);
  }
  if (error !== undefined) {
    parts.push(`${paint('error=', GRAY)}${JSON.stringify(error.message)}`);
  }
  return `${parts.join(' ')}\n${stackOf(error)}`;
}

interface Entry {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly error?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

const GRAY = 90;

const LEVELS: Readonly<Record<number, { readonly name: string; readonly color: number }>> = {
  20: { name: 'debug', color: 90 },
  30: { name: 'info ', color: 32 },
  40: { name: 'warn ', color: 33 },
  50: { name: 'error', color: 31 },
};

/** The frames alone: the message above is escaped, this copy of it is not. */
function stackOf(error: Entry['error']): string {
  const frames = (error?.stack ?? '').split('\n').filter((frame) => /^\s+at /.test(frame));
  return frames.map((frame) => `${frame.replaceAll(CONTROL_CHARACTERS, ' ')}\n`).join('');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f]/g;
