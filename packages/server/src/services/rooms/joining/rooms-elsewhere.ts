import type { EventSigner } from '@limpet/protocol/build-event';
import type { Platform } from '../../../platform/platform.ts';
import type { RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { EventMaker } from '../event-maker.ts';
import type { EventStore } from '../event-store.ts';
import type { JoiningRooms } from '../joining-rooms.ts';
import type { MembershipReader } from '../membership-reader.ts';
import type { RoomReceiver } from '../room-receiver.ts';
import type { RoomServers } from '../room-servers.ts';
import type { RoomWriter } from '../room-writer.ts';
import { MemberEventSigner } from './member-event-signer.ts';
import { RemoteInvites, type RemoteInvitesParts } from './remote-invites.ts';
import { RemoteJoins } from './remote-joins.ts';
import { RemoteMemberships } from './remote-memberships.ts';
import { RoomCandidates } from './room-candidates.ts';

export interface RoomsElsewhereParts {
  readonly remote: RemoteServers;
  readonly receiver: RoomReceiver;
  readonly writer: RoomWriter;
  readonly maker: EventMaker;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly roomServers: RoomServers;
  readonly joining: JoiningRooms;
  readonly approve: RemoteInvitesParts['approve'];
  readonly signer: EventSigner;
  readonly platform: Platform;
}

/** What memberships need of other servers. */
export interface RoomsElsewhere {
  readonly joins: RemoteJoins;
  readonly memberships: RemoteMemberships;
  readonly invites: RemoteInvites;
  readonly servers: RoomServers;
}

export function createRoomsElsewhere(parts: RoomsElsewhereParts): RoomsElsewhere {
  const { serverName } = parts.signer;
  const candidates = new RoomCandidates({ ...parts, serverName });
  const signing = { ...parts, candidates, signer: new MemberEventSigner(parts.signer, parts.platform) };
  return {
    joins: new RemoteJoins(signing),
    memberships: new RemoteMemberships(signing),
    invites: new RemoteInvites(parts),
    servers: parts.roomServers,
  };
}
