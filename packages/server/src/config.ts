import { join } from 'node:path';
import { type SectionValue, section } from './config/compound-settings.ts';
import { ConfigError } from './config/config-error.ts';
import { SETTINGS } from './config/settings.ts';

/**
 * What the operator decided, checked and frozen. The keys are those of `config/settings.ts` in camel case; paths are
 * absolute.
 */
export type Config = Omit<Settings, 'database'> & { readonly database: DatabaseConfig };

export type ListenerConfig = Config['listeners'][number];

export type DatabaseConfig =
  | { readonly sqlite: { readonly path: string } }
  | { readonly postgres: { readonly url: string } };

type Settings = SectionValue<typeof SETTINGS>;

/**
 * Checks what a configuration file says, `{}` for none. Relative paths count from `baseDirectory`, which is absolute.
 *
 * @throws ConfigError that names the key.
 */
export function readConfig(written: unknown, baseDirectory: string): Config {
  const settings = section(SETTINGS, { description: '' }).read(written ?? {}, { key: '', baseDirectory });
  refuseSameAddress(settings);
  refuseIncompleteTransports(settings);
  return Object.freeze({ ...settings, database: databaseOf(settings) });
}

function databaseOf({ database, dataPath }: Settings): DatabaseConfig {
  if (database.sqlite !== undefined && database.postgres !== undefined) {
    throw new ConfigError('"database" has both "sqlite" and "postgres". Keep one of them');
  }
  return database.postgres === undefined
    ? { sqlite: database.sqlite ?? { path: join(dataPath, 'limpet.db') } }
    : { postgres: database.postgres };
}

/** What a transport needs depends on its type (MSC4195 for LiveKit). */
function refuseIncompleteTransports({ rtc }: Settings): void {
  for (const [index, { type, livekitServiceUrl }] of rtc.transports.entries()) {
    if (type.startsWith('livekit') && livekitServiceUrl === undefined) {
      throw new ConfigError(
        `"rtc.transports[${index}].livekit_service_url" is missing. A transport of type "${type}" needs the URL of ` +
          'its token service',
      );
    }
  }
}

function refuseSameAddress({ listeners }: Settings): void {
  const seen = new Map<string, number>();
  for (const [index, { address, port }] of listeners.entries()) {
    const before = seen.get(`${address} ${port}`);
    if (before !== undefined && port !== 0) {
      throw new ConfigError(`"listeners[${index}].port" is ${port}, which "listeners[${before}]" has already`);
    }
    seen.set(`${address} ${port}`, index);
  }
}
