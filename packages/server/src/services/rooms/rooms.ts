import type { EventSigner } from '@limpet/protocol/build-event';
import type { ServerName } from '@limpet/protocol/identifiers';
import type { SigningKey } from '@limpet/protocol/signing';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RemoteServers } from '../remote-servers/remote-servers.ts';
import { Aliases } from './aliases.ts';
import { createRoom } from './create-room.ts';
import { Departures } from './departures.ts';
import { EventMaker } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import { GuestExits } from './guest-exits.ts';
import { Backfill } from './joining/backfill.ts';
import { RemoteAliases } from './joining/remote-aliases.ts';
import { createRoomsElsewhere, type RoomsElsewhere } from './joining/rooms-elsewhere.ts';
import { JoiningRooms } from './joining-rooms.ts';
import type { LocalAccounts } from './local-accounts.ts';
import { MembershipChanges, type ProfileOf } from './membership-changes.ts';
import type { Memberships } from './memberships.ts';
import type { OlderHistory } from './older-history.ts';
import { PolicyServers } from './policy-server.ts';
import type { Projection } from './projection.ts';
import { Receiver, type ReceivingLimits } from './receiving/receiver.ts';
import { RelatedRooms } from './relations/related-rooms.ts';
import { RelationFiller } from './relations/relation-filler.ts';
import { createRelationProjection } from './relations/relation-projection.ts';
import { RelationRules } from './relations/relation-rules.ts';
import { Reports } from './reports.ts';
import { RestrictedJoins } from './restricted-joins.ts';
import { RoomDirectory } from './room-directory.ts';
import type { RoomReceiver } from './room-receiver.ts';
import { RoomServers } from './room-servers.ts';
import type { CreateRoomRequest } from './room-to-create.ts';
import { RoomWriter } from './room-writer.ts';
import { Sending } from './sending.ts';
import { SentTransactions } from './sent-transactions.ts';
import { SlotTable } from './slot-table.ts';
import type { StateStore } from './state-store.ts';
import { createTransactionSweeper } from './transaction-sweeper.ts';
import { type UpgradeRequest, upgradeRoom } from './upgrade-room.ts';

export interface RoomsParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
  readonly signingKey: SigningKey;
  readonly remote: RemoteServers;
  readonly events: EventStore;
  readonly state: StateStore;
  readonly memberships: Memberships;
  /** Of the services above; rooms have their own besides. */
  readonly projections: readonly Projection[];
  readonly profileOf: ProfileOf;
  readonly accounts: LocalAccounts;
  readonly takesGuests: boolean;
  readonly receiving: ReceivingLimits;
  /** How many rooms the writer keeps in memory; for tests. */
  readonly maxRoomsInMemory?: number;
}

/** The writing side of rooms: everything that changes one. */
export interface RoomsService {
  /** Messages, state and redactions. */
  readonly sending: Sending;
  /** Joins, invites and what undoes them. */
  readonly membershipChanges: MembershipChanges;
  /** Takes users whose accounts ended out of their rooms. */
  readonly departures: Departures;
  readonly aliases: Aliases;
  readonly directory: RoomDirectory;
  /** For who brings events that were made elsewhere. */
  readonly writer: RoomWriter;
  /** For who invites users of other servers. */
  readonly elsewhere: RoomsElsewhere;
  /** Which rooms are being joined over other servers. */
  readonly joining: JoiningRooms;
  /** For who reads further back than what is here. */
  readonly older: OlderHistory;
  /** Brings events of other servers into rooms. */
  readonly receiver: RoomReceiver;
  /** Which other servers are in which rooms. */
  readonly roomServers: RoomServers;
  /** In which rooms there are relations to bundle. */
  readonly relatedRooms: RelatedRooms;
  /** Whether events are welcome in rooms that have a policy server. */
  readonly policy: PolicyServers;
  /** What users report to the administrators. */
  readonly reports: Reports;
  /** Goes on with what was kept back, and begins to forget old transaction IDs, until `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Makes a room; its ID. Errors: see `create-room.ts`. */
  createRoom(request: CreateRoomRequest): Promise<string>;
  /** Replaces a room by one of another version; its ID. Errors: see `upgrade-room.ts`. */
  upgradeRoom(request: UpgradeRequest): Promise<string>;
}

export function createRoomsService(parts: RoomsParts): RoomsService {
  const { storage, platform, serverName, events, state, memberships } = parts;
  const relatedRooms = new RelatedRooms(storage);
  const projections = [createRelationProjection(relatedRooms), ...parts.projections];
  const signer: EventSigner = { serverName, key: parts.signingKey };
  const maker = new EventMaker(signer, platform);
  const slots = new SlotTable(storage);
  const { clock, log } = platform;
  const roomServers = new RoomServers(storage);
  const policy = new PolicyServers({ state, roomServers, remote: parts.remote, clock });
  const approve: PolicyServers['approve'] = (room, made) => policy.approve(room, made);
  const writing = { storage, events, slots, serverName, maker, projections, approve };
  const writer = new RoomWriter(writing, parts.maxRoomsInMemory);
  const remoteAliases = new RemoteAliases(parts.remote, serverName);
  const aliases = new Aliases({ storage, clock, serverName, events, state, memberships, remoteAliases });
  const restrictedJoins = new RestrictedJoins(events, memberships);
  const joining = new JoiningRooms();
  const receiver = new Receiver({ ...parts, projections, slots, writer, limits: parts.receiving });
  writer.watch(receiver);
  const joinParts = { receiver, writer, maker, roomServers, joining, signer, approve };
  const elsewhere = createRoomsElsewhere({ ...parts, ...joinParts });
  const membershipChanges = new MembershipChanges({ ...parts, writer, restrictedJoins, elsewhere, log });
  const transactions = new SentTransactions(storage);
  const relations = new RelationRules(storage, events);
  const sending = new Sending({
    ...{ writer, transactions, relations, events, aliases, clock },
    memberships: membershipChanges,
  });
  const sweeper = createTransactionSweeper(platform, storage);
  const relationFiller = new RelationFiller({ storage, platform, events, relatedRooms });
  const leave: MembershipChanges['leave'] = (request) => membershipChanges.leave(request);
  const guestExits = new GuestExits({ ...parts, log, leave });
  const leaveAll: MembershipChanges['leaveAll'] = (...asked) => membershipChanges.leaveAll(...asked);
  const departures = new Departures({ ...parts, log, timers: platform.timers, leaveAll });
  const creation = { ...parts, writer, maker, aliases, memberships: membershipChanges };
  return {
    sending,
    membershipChanges,
    departures,
    aliases,
    directory: new RoomDirectory(storage, aliases),
    writer,
    receiver,
    elsewhere,
    joining,
    policy,
    reports: new Reports(parts),
    roomServers,
    relatedRooms,
    older: new Backfill({ ...parts, receiver, roomServers }),
    async start() {
      sweeper.start();
      await relationFiller.start();
      await receiver.start();
      guestExits.start();
      await departures.start();
    },
    async stop() {
      await relationFiller.stop();
      await departures.stop();
      await guestExits.stop();
      await receiver.stop();
      await sweeper.stop();
    },
    createRoom: (request) => createRoom(request, creation),
    upgradeRoom: (request) => upgradeRoom(request, { ...parts, writer, maker }),
  };
}
