import type { EventSigner } from '@limpet/protocol/build-event';
import type { ServerName } from '@limpet/protocol/identifiers';
import type { SigningKey } from '@limpet/protocol/signing';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import { Aliases } from './aliases.ts';
import { createRoom } from './create-room.ts';
import { EventMaker } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import { MembershipChanges, type ProfileOf } from './membership-changes.ts';
import type { Memberships } from './memberships.ts';
import type { Projection } from './projection.ts';
import { RestrictedJoins } from './restricted-joins.ts';
import { RoomDirectory } from './room-directory.ts';
import type { CreateRoomRequest } from './room-to-create.ts';
import { RoomWriter } from './room-writer.ts';
import { Sending } from './sending.ts';
import { SentTransactions } from './sent-transactions.ts';
import { SlotTable } from './slot-table.ts';
import type { StateStore } from './state-store.ts';
import { createTransactionSweeper } from './transaction-sweeper.ts';

export interface RoomsParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
  readonly signingKey: SigningKey;
  readonly events: EventStore;
  readonly state: StateStore;
  readonly memberships: Memberships;
  readonly projections: readonly Projection[];
  readonly profileOf: ProfileOf;
  /** How many rooms the writer keeps in memory; for tests. */
  readonly maxRoomsInMemory?: number;
}

/** The writing side of rooms: everything that changes one. */
export interface RoomsService {
  /** Messages, state and redactions. */
  readonly sending: Sending;
  /** Joins, invites and what undoes them. */
  readonly membershipChanges: MembershipChanges;
  readonly aliases: Aliases;
  readonly directory: RoomDirectory;
  /** For who brings events that were made elsewhere. */
  readonly writer: RoomWriter;
  /** Begins to forget old transaction IDs, until `stop`. */
  start(): void;
  stop(): Promise<void>;
  /** Makes a room; its ID. Errors: see `create-room.ts`. */
  createRoom(request: CreateRoomRequest): Promise<string>;
}

export function createRoomsService(parts: RoomsParts): RoomsService {
  const { storage, platform, serverName, events, state, memberships, projections, profileOf } = parts;
  const signer: EventSigner = { serverName, key: parts.signingKey };
  const maker = new EventMaker(signer, platform);
  const slots = new SlotTable(storage);
  const writer = new RoomWriter({ storage, events, slots, serverName, maker, projections }, parts.maxRoomsInMemory);
  const aliases = new Aliases({ storage, clock: platform.clock, serverName, events, state, memberships });
  const restrictedJoins = new RestrictedJoins(events, memberships);
  const { log } = platform;
  const changes = { writer, events, memberships, restrictedJoins, profileOf, serverName, log };
  const membershipChanges = new MembershipChanges(changes);
  const transactions = new SentTransactions(storage);
  const sending = new Sending({
    writer,
    transactions,
    events,
    aliases,
    memberships: membershipChanges,
    clock: platform.clock,
  });
  const sweeper = createTransactionSweeper(platform, storage);
  return {
    sending,
    membershipChanges,
    aliases,
    directory: new RoomDirectory(storage, aliases),
    writer,
    start: () => sweeper.start(),
    stop: () => sweeper.stop(),
    createRoom: (request) => createRoom(request, { writer, maker, aliases, profileOf, serverName, platform }),
  };
}
