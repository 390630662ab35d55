import type { SigningKey } from '@limpet/protocol/signing';
import type { Platform } from '../../../platform/platform.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { AccountDataReader } from '../../accounts/account-data-reader.ts';
import type { Profiles } from '../../accounts/profiles.ts';
import type { Users } from '../../accounts/users.ts';
import type { ServerKeys } from '../../remote-servers/remote-servers.ts';
import { AuthChains } from '../../rooms/auth-chains.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import { EventTexts } from '../../rooms/event-texts.ts';
import type { MembershipReader } from '../../rooms/membership-reader.ts';
import { PublicRooms } from '../../rooms/public-rooms.ts';
import type { RoomReading } from '../../rooms/room-reading.ts';
import { RoomServers } from '../../rooms/room-servers.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { RoomsService } from '../../rooms/rooms.ts';
import { withPolicy } from '../../rooms/with-policy.ts';
import { GraphWalks } from './graph-walks.ts';
import { HandedOverEvents } from './handed-over-events.ts';
import { LookUps } from './look-ups.ts';
import { MembershipTemplates } from './membership-templates.ts';
import { Newcomers } from './newcomers.ts';
import { ReceivedInvites } from './received-invites.ts';
import { RoomGate } from './room-gate.ts';
import { ServedEvents } from './served-events.ts';
import { SpaceHierarchy } from './space-hierarchy.ts';
import { StateAnswers } from './state-answers.ts';
import { ThirdPartyExchange } from './third-party-exchange.ts';

export interface ResidentParts {
  readonly serverName: string;
  readonly signingKey: SigningKey;
  readonly keys: ServerKeys;
  readonly users: Users;
  readonly accountData: AccountDataReader;
  readonly storage: Storage;
  readonly platform: Platform;
  readonly profiles: Profiles;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly rooms: RoomsService;
  readonly reading: RoomReading;
}

/** What other servers ask of the rooms and users of this one. */
export interface Resident {
  readonly handedOver: HandedOverEvents;
  readonly invites: ReceivedInvites;
  readonly exchange: ThirdPartyExchange;
  readonly templates: MembershipTemplates;
  readonly states: StateAnswers;
  readonly served: ServedEvents;
  readonly walks: GraphWalks;
  readonly publicRooms: PublicRooms;
  readonly spaces: SpaceHierarchy;
  readonly lookUps: LookUps;
}

export function createResident(parts: ResidentParts): Resident {
  const { serverName, signingKey, keys, storage, events, state, memberships, rooms, reading } = parts;
  const { clock, timers } = parts.platform;
  const { serverSight: sight, usersOfServers, summaries } = reading;
  const gate = new RoomGate({ events, state, sight });
  const newcomers = new Newcomers({ events, memberships, summaries });
  const texts = new EventTexts(storage, timers);
  const authChains = new AuthChains(storage, timers);
  const served = new ServedEvents({ storage, events, state, sight, gate });
  const roomServers = new RoomServers(storage);
  const receiver = withPolicy(rooms.receiver, { policy: rooms.policy, events });
  const arrivals = { serverName, signingKey, clock, keys, gate, events, receiver };
  return {
    handedOver: new HandedOverEvents({ ...arrivals, writer: rooms.writer, roomServers, newcomers }),
    invites: new ReceivedInvites({ ...arrivals, users: parts.users, accountData: parts.accountData, summaries }),
    exchange: new ThirdPartyExchange({ gate, summaries, inviter: rooms.elsewhere.invites }),
    templates: new MembershipTemplates({ serverName, clock, gate, writer: rooms.writer, newcomers }),
    states: new StateAnswers({ serverName, storage, timers, events, state, sight, texts, authChains, gate }),
    served,
    walks: new GraphWalks({ events, gate, served }),
    publicRooms: new PublicRooms({ storage, timers, events, memberships, summaries }),
    spaces: new SpaceHierarchy({ events, state, usersOfServers, summaries }),
    lookUps: new LookUps({ ...parts, aliases: rooms.aliases, roomServers }),
  };
}
