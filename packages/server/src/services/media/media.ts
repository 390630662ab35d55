import type { Config } from '../../config.ts';
import type { BlobStore } from '../../platform/blob-store.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RemoteDownloads } from '../remote-servers/remote-downloads.ts';
import { BlobKeeper } from './blob-keeper.ts';
import { MediaFinder } from './media-finder.ts';
import { MediaSweeper } from './media-sweeper.ts';
import { MediaWaiters } from './media-waiters.ts';
import { UrlPreviews } from './previews/url-previews.ts';
import { RemoteMedia } from './remote-media.ts';
import { Thumbnails } from './thumbnails.ts';
import { Uploads } from './uploads.ts';

export interface MediaParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly blobStore: BlobStore;
  readonly config: Config;
  readonly remoteServers: RemoteDownloads;
}

/** The content repository: what users upload, and what they get of other servers. */
export interface Media {
  readonly uploads: Uploads;
  readonly finder: MediaFinder;
  readonly thumbnails: Thumbnails;
  readonly previews: UrlPreviews;
  readonly blobStore: BlobStore;
  start(): void;
  stop(): Promise<void>;
}

export function createMedia({ storage, platform, blobStore, config, remoteServers: remote }: MediaParts): Media {
  const { serverName } = config;
  const keeper = new BlobKeeper({ storage, blobStore, platform });
  const waiters = new MediaWaiters(platform.timers);
  const isFrozen = !config.media.legacyDownload;
  const { maxRemoteBytes: maxBytes } = config.media;
  const remoteMedia = new RemoteMedia({ storage, platform, remote, keeper, maxBytes, isFrozen });
  const sweeper = new MediaSweeper({ storage, platform, keeper, copyDays: config.media.remoteDays });
  const isEnabled = config.media.urlPreviews;
  const previews = new UrlPreviews({ storage, platform, serverName, keeper, isFrozen, isEnabled });
  return {
    uploads: new Uploads({ storage, platform, serverName, keeper, waiters, isFrozen }),
    finder: new MediaFinder({ storage, platform, serverName, waiters, remote: remoteMedia }),
    thumbnails: new Thumbnails({ storage, platform, blobStore, keeper }),
    previews,
    blobStore,
    start() {
      sweeper.start();
      previews.start();
    },
    async stop() {
      await previews.stop();
      await sweeper.stop();
    },
  };
}
