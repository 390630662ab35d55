import { DEVICE_STORIES } from './stories/devices.ts';
import { EPHEMERAL_STORIES } from './stories/ephemeral.ts';
import { JOINING_STORIES } from './stories/joining.ts';
import { LOOK_UP_STORIES } from './stories/look-ups.ts';
import { MEDIA_STORIES } from './stories/media.ts';
import { OUTAGE_STORIES } from './stories/outages.ts';
import { ROOM_STORIES } from './stories/rooms.ts';
import { STICKY_STORIES } from './stories/sticky.ts';
import type { Story } from './story.ts';

/** All that is told, in this order: what later stories rest on comes first. */
export const STORIES: readonly Story[] = [
  ...JOINING_STORIES,
  ...ROOM_STORIES,
  ...STICKY_STORIES,
  ...LOOK_UP_STORIES,
  ...EPHEMERAL_STORIES,
  ...DEVICE_STORIES,
  ...MEDIA_STORIES,
  ...OUTAGE_STORIES,
];
