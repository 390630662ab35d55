import { type BuiltEvent, buildEvent, type EventSigner } from '@limpet/protocol/build-event';
import type { JsonObject } from '@limpet/protocol/json';
import type { Platform } from '../../../platform/platform.ts';
import type { MemberAsked, MemberTemplate } from './member-template.ts';

const EVENT_ID_BYTES = 18;

/** Signs member events of our users for rooms that this server is not in, where others say how they begin. */
export class MemberEventSigner {
  readonly #signer: EventSigner;
  readonly #platform: Pick<Platform, 'clock' | 'random'>;

  constructor(signer: EventSigner, platform: Pick<Platform, 'clock' | 'random'>) {
    this.#signer = signer;
    this.#platform = platform;
  }

  /** The event that the template becomes with this content. Throws M_TOO_LARGE and M_BAD_JSON for the content. */
  sign(asked: Pick<MemberAsked, 'roomId' | 'userId'>, content: JsonObject, template: MemberTemplate): BuiltEvent {
    const { version, prevEvents, authEvents, depth, referenceHashes } = template;
    const draft = {
      roomId: asked.roomId,
      sender: asked.userId,
      type: 'm.room.member',
      stateKey: asked.userId,
      content,
      prevEvents,
      authEvents,
      depth,
      originServerTs: this.#platform.clock.nowMs(),
      ...(version.eventIdIsHash ? {} : { eventId: this.#newEventId(), referenceHashes }),
    };
    return buildEvent(draft, version, this.#signer);
  }

  /** Room versions 1 and 2 leave the event ID to the server of the sender. */
  #newEventId(): string {
    const opaque = Buffer.from(this.#platform.random.bytes(EVENT_ID_BYTES)).toString('base64url');
    return `$${opaque}:${this.#signer.serverName}`;
  }
}
