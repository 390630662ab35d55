import type { Random } from '../platform/random.ts';
import { PromptCancelled, type Terminal } from '../platform/terminal.ts';
import type { Restriction } from '../services/accounts/account-moderation.ts';
import type { AdminCommands, ListedUser } from './admin-commands.ts';

export interface PasswordOptions {
  readonly passwordStdin?: boolean;
  readonly generatePassword?: boolean;
}

interface ConfigOption {
  readonly config?: string;
}

/** `limpet user …`: each gives the exit status, and throws the refusals of AdminCommands. */
export interface UserActions {
  createUser(name: string, options: PasswordOptions & ConfigOption & { admin?: boolean }): Promise<number>;
  listUsers(options: ConfigOption & { json?: boolean }): Promise<number>;
  resetPassword(name: string, options: PasswordOptions & ConfigOption & { keepSessions?: boolean }): Promise<number>;
  deactivateUser(name: string, options: ConfigOption & { erase?: boolean }): Promise<number>;
  lockUser(name: string, options: ConfigOption & { undo?: boolean }): Promise<number>;
  suspendUser(name: string, options: ConfigOption & { undo?: boolean }): Promise<number>;
}

export interface UserActionParts {
  readonly terminal: Terminal;
  readonly random: Random;
  /** Runs `use` with the commands of the server that this configuration describes, be it running or not. */
  readonly withCommands: <T>(config: string | undefined, use: (commands: AdminCommands) => Promise<T>) => Promise<T>;
}

export function createUserActions({ terminal, random, withCommands }: UserActionParts): UserActions {
  /** A generated password is shown once it is in force. */
  function report(done: string, password: ChosenPassword): number {
    terminal.print(done);
    if (password.isGenerated) {
      terminal.print(`Password: ${password.text}`);
    }
    return 0;
  }

  async function restrict(
    name: string,
    restriction: Restriction,
    { config, undo = false }: ConfigOption & { undo?: boolean },
  ): Promise<number> {
    const change = { name, restriction, isRestricted: !undo };
    const { userId } = await withCommands(config, (commands) => commands.restrictUser(change));
    terminal.print(`${userId} is ${undo ? 'no longer ' : ''}${restriction}`);
    return 0;
  }

  return {
    async createUser(name, options) {
      const password = await choosePassword(options, terminal, random);
      const isAdmin = options.admin === true;
      const { userId } = await withCommands(options.config, (commands) =>
        commands.createUser({ name, password: password.text, isAdmin }),
      );
      return report(`Made ${isAdmin ? 'the administrator' : 'the user'} ${userId}`, password);
    },
    async listUsers(options) {
      const { users } = await withCommands(options.config, (commands) => commands.listUsers({}));
      for (const user of users) {
        terminal.print(options.json === true ? JSON.stringify(user) : lineOf(user));
      }
      if (users.length === 0 && options.json !== true) {
        terminal.print('There is no account yet. Make one: npm run limpet -- user create NAME --admin');
      }
      return 0;
    },
    async resetPassword(name, options) {
      const password = await choosePassword(options, terminal, random);
      const keepsSessions = options.keepSessions === true;
      const { userId } = await withCommands(options.config, (commands) =>
        commands.resetPassword({ name, password: password.text, keepsSessions }),
      );
      const sessions = keepsSessions ? 'its devices stay logged in' : 'its devices are logged out';
      return report(`${userId} has a new password; ${sessions}`, password);
    },
    async deactivateUser(name, options) {
      const { userId } = await withCommands(options.config, (commands) =>
        commands.deactivateUser({ name, erase: options.erase === true }),
      );
      terminal.print(`Deactivated ${userId}`);
      return 0;
    },
    lockUser: (name, options) => restrict(name, 'locked', options),
    suspendUser: (name, options) => restrict(name, 'suspended', options),
  };
}

interface ChosenPassword {
  readonly text: string;
  readonly isGenerated: boolean;
}

async function choosePassword(options: PasswordOptions, terminal: Terminal, random: Random): Promise<ChosenPassword> {
  if (options.generatePassword === true) {
    return { text: Buffer.from(random.bytes(GENERATED_BYTES)).toString('base64url'), isGenerated: true };
  }
  if (options.passwordStdin === true || !terminal.isInteractive) {
    // The line break at the end is the shell's.
    return { text: (await terminal.readInput()).replace(/\r?\n$/, ''), isGenerated: false };
  }
  const text = await terminal.askSecret('Password: ');
  if (text !== (await terminal.askSecret('Once more: '))) {
    terminal.printError('The two are not the same.');
    throw new PromptCancelled();
  }
  return { text, isGenerated: false };
}

/** 120 bits: 20 letters. */
const GENERATED_BYTES = 15;

function lineOf({ userId, createdTs, ...user }: ListedUser): string {
  const marks = [
    user.isAdmin ? 'administrator' : '',
    user.isDeactivated ? 'deactivated' : '',
    user.isGuest ? 'guest' : '',
    user.isLocked ? 'locked' : '',
    user.isSuspended ? 'suspended' : '',
  ].filter((mark) => mark !== '');
  return [userId, `since ${new Date(createdTs).toISOString().slice(0, 10)}`, ...marks].join('  ');
}
