import { type Logger, pino, stdSerializers } from 'pino';
import type { Log } from '../log.ts';
import { prettyLine } from './pretty-line.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export interface LogOptions {
  readonly level: (typeof LOG_LEVELS)[number];
  /** `pretty` for people, `json` (one object a line) for machines. */
  readonly format: 'pretty' | 'json';
  readonly output: LogOutput;
}

/** Where lines go: standard output, standard error, or a test's list. */
export interface LogOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** The log by pino, in this thread: what was logged before a crash is out. */
export function createNodeLog({ level, format, output }: LogOptions): Log {
  const isColored = output.isTTY === true;
  const destination =
    format === 'json'
      ? { write: (line: string) => void output.write(line) }
      : { write: (line: string) => void output.write(prettyLine(line, isColored)) };
  return wrap(pino({ level, base: null, serializers: { error: stdSerializers.err } }, destination));
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    with: (fields) => wrap(logger.child(fields)),
  };
}
