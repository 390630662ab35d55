import {
  ClientEvent,
  type MatrixClient,
  type MatrixEvent,
  MatrixEventEvent,
  type ReceivedToDeviceMessage,
  type Room,
  RoomStateEvent,
} from 'matrix-js-sdk';
import { ClientWidgetApi, type IRoomEvent, type IWidgetApiRequest, Widget } from 'matrix-widget-api';
import { CallWidgetDriver } from './call-widget-driver.ts';

const WIDGET_ID = 'element-call';

/** What the widget tells the client of itself and waits to have acknowledged; a page of one call need do no more. */
const ACKNOWLEDGED = ['set_always_on_screen', 'io.element.join', 'io.element.device_mute', 'im.vector.hangup'];

/**
 * Puts Element Call into the page, in the call of the room, until it says that it is done, and passes on to it what
 * the client receives. As in the clients that people use, a running widget is fed from the live timeline only, and gets
 * what was sticky before when it starts.
 */
export function embedCall(client: MatrixClient, room: Room): void {
  const frame = document.createElement('iframe');
  frame.title = `Call in ${room.name}`;
  frame.allow = 'camera; microphone; display-capture; autoplay';
  // Lower than that, it shows one person large and everybody small, and hides its buttons.
  frame.width = '1000';
  frame.height = '700';
  document.body.append(frame);

  const url = widgetUrl(client, room);
  const creatorUserId = client.getSafeUserId();
  const widget = new Widget({ id: WIDGET_ID, creatorUserId, type: 'm.custom', url, waitForIframeLoad: false });
  const api = new ClientWidgetApi(widget, frame, new CallWidgetDriver(client));
  api.setViewedRoomId(room.roomId);
  const stopFeeding = feedWidget(client, room, api);
  for (const action of ACKNOWLEDGED) acknowledge(api, action);
  acknowledge(api, 'io.element.close', () => {
    stopFeeding();
    api.stop();
    frame.remove();
  });
  frame.src = url;
}

function acknowledge(api: ClientWidgetApi, action: string, then?: () => void): void {
  api.on(`action:${action}`, (event: CustomEvent<IWidgetApiRequest>) => {
    event.preventDefault();
    api.transport.reply(event.detail, {});
    then?.();
  });
}

/** See Element Call's documentation of its URL parameters; what it is configured by is in `config.json` beside it. */
function widgetUrl(client: MatrixClient, room: Room): string {
  const parameters = new URLSearchParams({
    widgetId: WIDGET_ID,
    parentUrl: location.href.split('#', 1)[0] ?? '',
    roomId: room.roomId,
    userId: client.getSafeUserId(),
    deviceId: client.getDeviceId() ?? '',
    baseUrl: client.baseUrl,
    intent: 'join_existing',
    skipLobby: 'true',
    perParticipantE2EE: String(room.hasEncryptionStateEvent()),
    lang: 'en',
  });
  return new URL(`call/index.html#?${parameters}`, location.href).href;
}

/** The function ends it. */
function feedWidget(client: MatrixClient, room: Room, api: ClientWidgetApi): () => void {
  const feed = (event: MatrixEvent) => void api.feedEvent(raw(event));

  function onEvent(event: MatrixEvent): void {
    const timeline = room.getLiveTimeline().getEvents();
    if (!timeline.some((other) => other.getId() === event.getId())) return;
    if (!event.isEncrypted()) {
      feed(event);
      return;
    }
    event.once(MatrixEventEvent.Decrypted, () => {
      if (!event.isDecryptionFailure()) feed(event);
    });
    void client.decryptEventIfNeeded(event);
  }
  function onState(event: MatrixEvent): void {
    void api.feedStateUpdate(raw(event));
  }
  function onToDevice({ message, encryptionInfo }: ReceivedToDeviceMessage): void {
    void api.feedToDevice(message, encryptionInfo !== null);
  }

  client.on(ClientEvent.Event, onEvent);
  client.on(RoomStateEvent.Events, onState);
  client.on(ClientEvent.ReceivedToDeviceMessage, onToDevice);
  return () => {
    client.off(ClientEvent.Event, onEvent);
    client.off(RoomStateEvent.Events, onState);
    client.off(ClientEvent.ReceivedToDeviceMessage, onToDevice);
  };
}

/** The event as the widget takes it: decrypted, with its room. */
function raw(event: MatrixEvent): IRoomEvent {
  return event.getEffectiveEvent() as unknown as IRoomEvent;
}
