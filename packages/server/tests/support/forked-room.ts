import { selectAuthEvents } from '@limpet/protocol/authorization/auth-event-selection';
import { buildEvent } from '@limpet/protocol/build-event';
import type { JsonObject } from '@limpet/protocol/json';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { signingKeyFromSeed } from '@limpet/protocol/signing';
import type { ReceivedEvent } from '../../src/services/rooms/received-event.ts';
import type { RoomEntry } from '../../src/services/rooms/room-receiver.ts';

interface ForkedEvent {
  readonly sender: string;
  readonly type: string;
  readonly stateKey?: string;
  readonly content: JsonObject;
  readonly redacts?: string;
  /** How long it sticks. */
  readonly stickyMs?: number;
}

/** An event with the state after it, as its own server sees it: a place from which a branch can go on. */
export interface Branch {
  readonly received: ReceivedEvent;
  readonly pdu: Pdu;
  readonly state: ReadonlyMap<string, Pdu>;
}

const KEY = signingKeyFromSeed('ed25519:far', new Uint8Array(32).fill(3));

/**
 * A room of other servers whose graph a test forks as it likes: each event says after which others it comes. Signed
 * by one key for all servers; who receives it has checked that before. All states here are of one branch: where several
 * come together the last one named wins, so a test that joins branches says so by the order.
 */
export class ForkedRoom {
  readonly version: RoomVersion;
  readonly roomId: string;
  readonly creator = '@owner:far';
  readonly all: ReceivedEvent[] = [];
  /** After the room was made. */
  readonly start: Branch;
  nowMs: number;
  #count = 0;

  constructor(nowMs: number, versionId = '10', roomId = '!forked:far') {
    const version = findRoomVersion(versionId);
    if (version === undefined) throw new Error(`There is no room version ${versionId}`);
    this.version = version;
    this.nowMs = nowMs;
    const isHashed = version.roomIdIsCreateHash;
    this.roomId = isHashed ? '' : roomId;
    const creator = version.creatorIsSender ? {} : { creator: this.creator };
    const create = this.#build(
      { ...this.#state('m.room.create', ''), content: { room_version: versionId, ...creator } },
      [],
    );
    if (isHashed) this.roomId = create.pdu.roomId;
    const join = this.after(create, this.member(this.creator, 'join'));
    const users = version.privilegesCreators ? {} : { [this.creator]: 100 };
    const levels = this.after(join, { ...this.#state('m.room.power_levels', ''), content: { users, invite: 0 } });
    this.start = this.after(levels, { ...this.#state('m.room.join_rules', ''), content: { join_rule: 'public' } });
  }

  /** An event after one or several others. */
  after(previous: Branch | readonly Branch[], event: ForkedEvent): Branch {
    return this.#build(event, Array.isArray(previous) ? previous : [previous as Branch]);
  }

  member(userId: string, membership: string, sender = userId): ForkedEvent {
    return { sender, type: 'm.room.member', stateKey: userId, content: { membership } };
  }

  say(sender: string, body: string): ForkedEvent {
    return { sender, type: 'm.room.message', content: { msgtype: 'm.text', body } };
  }

  sticky(sender: string, body: string, stickyMs = 3_600_000): ForkedEvent {
    return { sender, type: 'org.example.seat', content: { body, msc4354_sticky_key: body }, stickyMs };
  }

  state(type: string, stateKey: string, content: JsonObject, sender = this.creator): ForkedEvent {
    return { sender, type, stateKey, content };
  }

  /** What `send_join` would answer for this join. */
  entry(before: Branch, join: Branch): RoomEntry {
    const state = [...before.state.values()].map((pdu) => this.#received(pdu));
    return { roomId: this.roomId, version: this.version, event: join.received, state, authChain: this.all };
  }

  #state(type: string, stateKey: string) {
    return { sender: this.creator, type, stateKey };
  }

  #received(pdu: Pdu): ReceivedEvent {
    const found = this.all.find((one) => one.pdu.eventId === pdu.eventId);
    if (found === undefined) throw new Error(`${pdu.eventId} is of another room`);
    return found;
  }

  #build(event: ForkedEvent, previous: readonly Branch[]): Branch {
    const state = new Map(previous.flatMap((branch) => [...branch.state]));
    const { stickyMs, ...said } = event;
    const auth = selectAuthEvents({ ...said, stateKey: event.stateKey }, state, this.version);
    this.#count += 1;
    const isHashedCreate = this.version.roomIdIsCreateHash && event.type === 'm.room.create';
    const draft = {
      ...said,
      ...(isHashedCreate ? {} : { roomId: this.roomId }),
      prevEvents: previous.map(({ pdu }) => pdu.eventId),
      authEvents: auth.map((pdu) => pdu.eventId),
      depth: previous.reduce((depth, { pdu }) => Math.max(depth, pdu.depth), 0) + 1,
      originServerTs: this.nowMs + this.#count,
      ...(stickyMs === undefined ? {} : { extraFields: { msc4354_sticky: { duration_ms: stickyMs } } }),
    };
    const serverName = event.sender.slice(event.sender.indexOf(':') + 1);
    const { pdu, canonicalJson } = buildEvent(draft, this.version, { serverName, key: KEY });
    const received = { pdu, canonicalJson, receivedTs: this.nowMs };
    this.all.push(received);
    if (pdu.stateKey !== undefined) state.set(stateMapKey(pdu.type, pdu.stateKey), pdu);
    return { received, pdu, state };
  }
}
