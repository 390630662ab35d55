import { dirname, resolve } from 'node:path';
import { ConfigError } from '../config/config-error.ts';
import { type Config, readConfig } from '../config.ts';
import type { TlsFiles } from '../http/create-http-app.ts';
import { readTextFile } from '../platform/node/read-text-file.ts';
import { tlsPairFault } from '../platform/node/tls-pair-fault.ts';

/** The configuration in this file, or the defaults where none is given. Throws ConfigError. */
export async function readConfigFile(file: string | undefined, currentDirectory: string): Promise<Config> {
  if (file === undefined) {
    return readConfig({}, currentDirectory);
  }
  // Loaded here, so that a server without a file does without YAML.
  const { parseConfigText } = await import('../config/parse-config-text.ts');
  const path = resolve(currentDirectory, file);
  return parseConfigText(readText(path, `The configuration file ${file}`), file, dirname(path));
}

/**
 * The files that listeners name, by their place. Throws ConfigError where one is missing or two do not fit together.
 */
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

/** The texts of the authorities that the operator trusts. Throws ConfigError where a file is missing or no PEM. */
export function readCertificateAuthorities({ federation }: Config): string[] {
  return federation.certificateAuthorities.map((path, index) => {
    const subject = `"federation.certificate_authorities[${index}]": ${path}`;
    const text = readText(path, subject);
    if (!text.includes('-----BEGIN CERTIFICATE-----')) {
      throw new ConfigError(`${subject} holds no certificate. Give it a PEM file`);
    }
    return text;
  });
}

function checkPair(key: string, certificate: string, privateKey: string): void {
  const fault = tlsPairFault(certificate, privateKey);
  if (fault !== undefined) {
    throw new ConfigError(`"${key}": certificate and private_key must be PEM files that belong together (${fault})`);
  }
}

function readText(path: string, subject: string): string {
  const { text, fault } = readTextFile(path);
  if (text === undefined) {
    throw new ConfigError(`${subject}: ${fault}. Check the path`);
  }
  return text;
}
