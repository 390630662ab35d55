import {
  Direction,
  type MatrixClient,
  MatrixError,
  type MatrixEvent,
  type StateEvents,
  type TimelineEvents,
} from 'matrix-js-sdk';
import {
  type IOpenIDUpdate,
  type IRoomEvent,
  type IRtcTransportsResult,
  type ISendDelayedEventDetails,
  type ISendEventDetails,
  type IWidgetApiErrorResponseDataDetails,
  OpenIDRequestState,
  type SimpleObservable,
  WidgetDriver,
} from 'matrix-widget-api';

type TimelineType = keyof TimelineEvents;
type TimelineContent = TimelineEvents[TimelineType];
type Recipients = Record<string, Record<string, object>>;

/**
 * What Element Call may have done for it by the client that it is embedded in: all it asks for. Each goes through
 * matrix-js-sdk, as in the clients that people use, so that encryption and errors are theirs.
 */
export class CallWidgetDriver extends WidgetDriver {
  readonly #client: MatrixClient;

  constructor(client: MatrixClient) {
    super();
    this.#client = client;
  }

  override async validateCapabilities(requested: Set<string>): Promise<Set<string>> {
    return requested;
  }

  override async sendEvent(
    type: string,
    content: unknown,
    stateKey: string | null = null,
    room: string | null = null,
  ): Promise<ISendEventDetails> {
    const roomId = known(room);
    const sent =
      stateKey === null
        ? await this.#client.sendEvent(roomId, type as TimelineType, content as TimelineContent)
        : await this.#client.sendStateEvent(
            roomId,
            type as keyof StateEvents,
            content as StateEvents[keyof StateEvents],
            stateKey,
          );
    return { roomId, eventId: sent.event_id };
  }

  override async sendStickyEvent(
    stickyMs: number,
    type: string,
    content: unknown,
    room: string | null = null,
  ): Promise<ISendEventDetails> {
    const roomId = known(room);
    const timelineContent = content as TimelineContent;
    const sent = await this.#client._unstable_sendStickyEvent(
      roomId,
      stickyMs,
      null,
      type as TimelineType,
      timelineContent,
    );
    return { roomId, eventId: sent.event_id };
  }

  override async sendDelayedStickyEvent(
    delayMs: number,
    stickyMs: number,
    type: string,
    content: unknown,
    room: string | null = null,
  ): Promise<ISendDelayedEventDetails> {
    const roomId = known(room);
    const scheduled = await this.#client._unstable_sendStickyDelayedEvent(
      roomId,
      stickyMs,
      { delay: delayMs },
      null,
      type as TimelineType,
      content as TimelineContent,
    );
    return { roomId, delayId: scheduled.delay_id };
  }

  override async cancelScheduledDelayedEvent(delayId: string): Promise<void> {
    await this.#client._unstable_cancelScheduledDelayedEvent(delayId);
  }

  override async restartScheduledDelayedEvent(delayId: string): Promise<void> {
    await this.#client._unstable_restartScheduledDelayedEvent(delayId);
  }

  override async sendScheduledDelayedEvent(delayId: string): Promise<void> {
    await this.#client._unstable_sendScheduledDelayedEvent(delayId);
  }

  override async sendToDevice(eventType: string, encrypted: boolean, recipients: Recipients): Promise<void> {
    const messages = Object.entries(recipients).flatMap(([userId, devices]) =>
      Object.entries(devices).map(([deviceId, payload]) => ({ userId, deviceId, payload })),
    );
    if (!encrypted) {
      await this.#client.queueToDevice({ eventType, batch: messages });
      return;
    }
    const crypto = this.#client.getCrypto();
    if (crypto === undefined) throw new Error('The client has no encryption');
    for (const { userId, deviceId, payload } of messages) {
      await this.#client.queueToDevice(
        await crypto.encryptToDeviceMessages(eventType, [{ userId, deviceId }], { ...payload }),
      );
    }
  }

  /**
   * The user's own membership first. The SDK in the widget (43.0) notes whether its user is in the room when it takes
   * the event after that one, if a sticky event came before them all; it may not be the last.
   */
  override async readRoomState(roomId: string, type: string, stateKey: string | undefined): Promise<IRoomEvent[]> {
    const state = this.#client.getRoom(roomId)?.getLiveTimeline().getState(Direction.Forward);
    const isOwn = (event: MatrixEvent) => Number(event.getStateKey() === this.#client.getUserId());
    return (state?.getStateEvents(type) ?? [])
      .filter((event) => stateKey === undefined || event.getStateKey() === stateKey)
      .sort((one, other) => isOwn(other) - isOwn(one))
      .map((event) => event.getEffectiveEvent() as unknown as IRoomEvent);
  }

  override async readRoomTimeline(): Promise<IRoomEvent[]> {
    return [];
  }

  override async readStickyEvents(roomId: string): Promise<IRoomEvent[]> {
    const events = [...(this.#client.getRoom(roomId)?._unstable_getStickyEvents() ?? [])];
    return events.map((event) => event.getEffectiveEvent() as unknown as IRoomEvent);
  }

  override askOpenID(observer: SimpleObservable<IOpenIDUpdate>): void {
    this.#client.getOpenIdToken().then(
      (token) => observer.update({ state: OpenIDRequestState.Allowed, token }),
      () => observer.update({ state: OpenIDRequestState.Blocked }),
    );
  }

  override async getRtcTransports(): Promise<IRtcTransportsResult> {
    return { rtc_transports: await this.#client._unstable_getRTCTransports() };
  }

  override getKnownRooms(): string[] {
    return this.#client.getRooms().map(({ roomId }) => roomId);
  }

  override processError(error: unknown): IWidgetApiErrorResponseDataDetails | undefined {
    return error instanceof MatrixError ? { matrix_api_error: error.asWidgetApiErrorData() } : undefined;
  }
}

function known(roomId: string | null): string {
  if (roomId === null) throw new Error('The widget named no room');
  return roomId;
}
