import type { Config } from '../config.ts';
import { rotateSigningKey } from '../platform/key-file.ts';
import { callControlSocket } from '../platform/node/control-socket.ts';
import { nodeKeyFile } from '../platform/node/key-file.ts';
import type { Platform } from '../platform/platform.ts';
import type { Terminal } from '../platform/terminal.ts';
import { controlSocketPath, signingKeyPath } from './data-paths.ts';

/** `limpet key …`: each gives the exit status. */
export interface KeyActions {
  rotateKey(options: { config?: string }): Promise<number>;
}

export interface KeyActionParts {
  readonly terminal: Terminal;
  readonly platform: Pick<Platform, 'clock' | 'random'>;
  readonly readConfig: (file: string | undefined) => Promise<Config>;
}

export function createKeyActions({ terminal, platform, readConfig }: KeyActionParts): KeyActions {
  return {
    async rotateKey(options) {
      const config = await readConfig(options.config);
      // A running server would go on with the old key, and what it signs from now on would be good nowhere.
      if ((await callControlSocket(controlSocketPath(config), '')) !== undefined) {
        terminal.printError('limpet: the server runs. Stop it, run this again, and start it');
        return 1;
      }
      const file = nodeKeyFile(signingKeyPath(config));
      const { keyId, oldKeys } = rotateSigningKey(file, platform.random, platform.clock.nowMs());
      terminal.print(`The server signs with ${keyId} from its next start on. Old keys: ${oldKeys.length}`);
      return 0;
    },
  };
}
