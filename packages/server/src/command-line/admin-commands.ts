import { asServerName } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Restriction } from '../services/accounts/account-moderation.ts';
import type { Accounts } from '../services/accounts/accounts.ts';
import type { User } from '../services/accounts/users.ts';
import type { FederationSender } from '../services/federation-sender/federation-sender.ts';
import type { DestinationStatus } from '../services/federation-sender/federation-status.ts';
import type { Report, Reports } from '../services/rooms/reports.ts';
import type { ServerExamination } from './server-examination.ts';

/**
 * What an operator does from the command line. Each throws a MatrixError whose message tells the operator
 * what is wrong. Users are named by localpart or by whole user ID.
 */
export interface AdminCommands {
  createUser(parameters: { name: string; password: string; isAdmin: boolean }): Promise<{ userId: string }>;
  listUsers(parameters: Record<string, never>): Promise<{ users: ListedUser[] }>;
  /** All sessions end unless they are to be kept. */
  resetPassword(parameters: { name: string; password: string; keepsSessions: boolean }): Promise<{ userId: string }>;
  /** For good. With `erase` the profile goes, too. */
  deactivateUser(parameters: { name: string; erase: boolean }): Promise<{ userId: string }>;
  /** Locks or suspends an account, or takes that back. Administrators, too. */
  restrictUser(parameters: {
    name: string;
    restriction: Restriction;
    isRestricted: boolean;
  }): Promise<{ userId: string }>;
  /** What waits for other servers: for one of them, or for all. `leftOut` is how many were too many to list. */
  federationStatus(parameters: {
    destination?: string | undefined;
  }): Promise<{ destinations: DestinationStatus[]; leftOut: number }>;
  /** Tries a server now that is waited for. `wasBehind`: there was something to try. */
  retryDestination(parameters: { destination: string }): Promise<{ destination: string; wasBehind: boolean }>;
  /** What users reported, the newest first. */
  listReports(parameters: Record<string, never>): Promise<{ reports: Report[] }>;
  /** What the doctor can only see from within. */
  examine(parameters: Record<string, never>): Promise<ServerExamination>;
}

export type ListedUser = Omit<User, 'passwordHash'>;

export interface AdministeredServices {
  readonly accounts: Pick<Accounts, 'users' | 'registration' | 'accountChanges' | 'moderation'>;
  readonly federationSender: Pick<FederationSender, 'status' | 'retry'> | undefined;
  readonly rooms: { readonly reports: Pick<Reports, 'list'> };
}

export function createAdminCommands(
  { accounts, federationSender, rooms }: AdministeredServices,
  examine: () => Promise<ServerExamination>,
): AdminCommands {
  const { users, registration, accountChanges, moderation } = accounts;

  function localUserId(name: string) {
    const userId = users.localUserId(name);
    if (userId === undefined) {
      throw new MatrixError('M_NOT_FOUND', `There is no user ${JSON.stringify(name)} on this server.`);
    }
    return userId;
  }

  function sender() {
    if (federationSender === undefined) {
      throw new MatrixError('M_UNRECOGNIZED', 'Federation is switched off in the configuration: "federation.enabled".');
    }
    return federationSender;
  }

  function otherServer(name: string): string {
    if (asServerName(name) === undefined) {
      throw new MatrixError('M_INVALID_PARAM', `${JSON.stringify(name)} is no server name.`);
    }
    return name;
  }

  return {
    async createUser({ name, password, isAdmin }) {
      const { userId } = await registration.register({ username: name, password, device: undefined, isAdmin });
      return { userId };
    },
    async listUsers() {
      const listed: ListedUser[] = [];
      for await (const { passwordHash: _secret, ...user } of users.list()) listed.push(user);
      return { users: listed };
    },
    async resetPassword({ name, password, keepsSessions }) {
      const userId = localUserId(name);
      await accountChanges.setPassword(userId, password, keepsSessions ? 'none' : 'all');
      return { userId };
    },
    async deactivateUser({ name, erase }) {
      const userId = localUserId(name);
      await accountChanges.deactivate(userId, { erase });
      return { userId };
    },
    async restrictUser({ name, restriction, isRestricted }) {
      const userId = localUserId(name);
      await moderation.restrict(userId, restriction, isRestricted);
      return { userId };
    },
    async federationStatus({ destination }) {
      const { status } = sender();
      if (destination === undefined) return status.list();
      return { destinations: [await status.of(otherServer(destination))], leftOut: 0 };
    },
    async retryDestination({ destination }) {
      return { destination, wasBehind: await sender().retry(otherServer(destination)) };
    },
    async listReports() {
      return { reports: await rooms.reports.list() };
    },
    examine,
  };
}
