import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../../config/config-error.ts';
import { parseConfigText } from '../../config/parse-config-text.ts';
import type { Config } from '../../config.ts';
import type { TlsFiles } from '../../http/create-http-app.ts';

/** The configuration in this file, or the defaults where none is given. Throws ConfigError. */
export function readConfigFile(file: string | undefined, currentDirectory: string): Config {
  if (file === undefined) {
    return parseConfigText('', '', currentDirectory);
  }
  const path = resolve(currentDirectory, file);
  return parseConfigText(readText(path, `The configuration file ${file}`), file, dirname(path));
}

/** The files that listeners name, by the place of the listener. Throws ConfigError where one is missing or the two do not fit. */
export function readTlsFiles(config: Config): ReadonlyMap<number, TlsFiles> {
  const files = new Map<number, TlsFiles>();
  for (const [index, listener] of config.listeners.entries()) {
    if (listener.tls !== undefined) {
      const key = `listeners[${index}].tls`;
      const certificate = readText(listener.tls.certificate, `"${key}.certificate": ${listener.tls.certificate}`);
      const privateKey = readText(listener.tls.privateKey, `"${key}.private_key": ${listener.tls.privateKey}`);
      checkPair(key, certificate, privateKey);
      files.set(index, { certificate, privateKey });
    }
  }
  return files;
}

function checkPair(key: string, certificate: string, privateKey: string): void {
  try {
    createSecureContext({ cert: certificate, key: privateKey });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`"${key}": certificate and private_key must be PEM files that belong together (${reason})`);
  }
}

function readText(path: string, subject: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const reason =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'this user may not read it'
          : code === 'EISDIR'
            ? 'it is a directory'
            : `it cannot be read (${String(code)})`;
    throw new ConfigError(`${subject}: ${reason}. Check the path`);
  }
}
