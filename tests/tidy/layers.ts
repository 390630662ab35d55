/**
 * What may import what. Each layer sees itself and what is listed for it; `services` have ranks of their own below.
 * `docs/architecture.md` says why.
 */
const PLATFORM = 'packages/server/src/platform/';
const STORAGE = 'packages/server/src/storage/';
const SERVICES = 'packages/server/src/services/';
const HTTP = 'packages/server/src/http/';
const CACHE = 'packages/server/src/cache/';
const PURE = ['packages/protocol/', 'packages/sticky/'];

export interface Layer {
  readonly name: string;
  /** A file belongs to the first layer with a prefix of its path. */
  readonly prefixes: readonly string[];
  /** What it may import besides itself and other packages. */
  readonly sees: readonly string[];
}

export const LAYERS: readonly Layer[] = [
  { name: 'sticky', prefixes: ['packages/sticky/'], sees: [] },
  { name: 'protocol', prefixes: ['packages/protocol/'], sees: ['packages/sticky/'] },
  { name: 'cache', prefixes: [CACHE], sees: [] },
  { name: 'bench', prefixes: ['packages/bench/'], sees: [] },
  { name: 'platform/node', prefixes: [`${PLATFORM}node/`], sees: [PLATFORM, ...PURE] },
  { name: 'platform', prefixes: [PLATFORM], sees: PURE },
  { name: 'config', prefixes: ['packages/server/src/config'], sees: PURE },
  {
    name: 'storage drivers',
    prefixes: [`${STORAGE}sqlite/`, `${STORAGE}postgres/`, `${STORAGE}open-storage.ts`],
    sees: [STORAGE, PLATFORM, CACHE, ...PURE],
  },
  { name: 'storage', prefixes: [STORAGE], sees: [PLATFORM, ...PURE] },
  {
    name: 'services',
    prefixes: [SERVICES],
    sees: [STORAGE, PLATFORM, CACHE, 'packages/server/src/config', ...PURE],
  },
  {
    name: 'http',
    prefixes: [HTTP],
    // Of storage only its failures and the stream's types: an edge that queries is an edge that decides.
    sees: [
      SERVICES,
      PLATFORM,
      CACHE,
      'packages/server/src/config',
      `${STORAGE}storage.ts`,
      `${STORAGE}stream.ts`,
      ...PURE,
    ],
  },
  {
    name: 'composition',
    prefixes: ['packages/server/src/'],
    sees: ['packages/server/src/', ...PURE],
  },
];

/** Files of these folders stay out of every layer but the drivers' own and the composition's. */
export const DRIVER_FOLDERS = [`${STORAGE}sqlite/`, `${STORAGE}postgres/`, `${PLATFORM}node/`];

/** A service imports only services of a lower rank (a folder sees itself). */
export const SERVICE_RANKS: Readonly<Record<string, number>> = {
  accounts: 1,
  'remote-servers': 1,
  rooms: 2,
  ephemeral: 3,
  'sticky-events': 3,
  'delayed-events': 3,
  discovery: 3,
  encryption: 3,
  media: 3,
  presence: 3,
  search: 3,
  'thread-subscriptions': 3,
  push: 4,
  sync: 5,
  'federation-inbound': 5,
  'federation-sender': 5,
};

export function layerOf(path: string): Layer | undefined {
  return LAYERS.find((layer) => layer.prefixes.some((prefix) => path.startsWith(prefix)));
}

export function serviceOf(path: string): string | undefined {
  return path.startsWith(SERVICES) ? path.slice(SERVICES.length).split('/')[0] : undefined;
}

export function isDriver(path: string): boolean {
  return DRIVER_FOLDERS.some((folder) => path.startsWith(folder));
}
