import { list, mapping, section } from './compound-settings.ts';
import { RATE_LIMIT_SETTINGS } from './rate-limit-settings.ts';
import { choice, flag, integer, path, serverName, text, url } from './scalar-settings.ts';
import { optional } from './setting.ts';

/** Every key of the configuration file. The order is that of the documentation. */
export const SETTINGS = {
  server_name: serverName({
    description:
      'What stands after the colon in user IDs and room aliases. It cannot be changed once there are accounts.',
    default: 'localhost',
  }),
  public_url: optional(
    url(['https', 'http'], {
      description:
        'Where clients reach the server from outside, for `/.well-known/matrix/client`. Without it the answer ' +
        'names the address that the client asked.',
      example: 'https://matrix.example.org',
    }),
  ),
  listeners: list(
    section(
      {
        port: integer({ description: 'TCP port; 0 picks a free one.', minimum: 0, maximum: 65535, example: 8008 }),
        address: text({
          description: 'Address to listen on. `0.0.0.0` or `::` is every address of the machine.',
          default: '127.0.0.1',
        }),
        serves: list(choice(['client', 'federation'], { description: 'Which API.' }), {
          description: 'Which APIs are served there: `client`, `federation` or both.',
          default: ['client', 'federation'],
        }),
        behind_proxy: flag({
          description:
            'Whether a reverse proxy stands before this listener. The last address in `X-Forwarded-For` then ' +
            'counts as the client.',
          default: false,
        }),
        tls: optional(
          section(
            {
              certificate: path({ description: 'PEM file with the certificate and its chain.', example: 'cert.pem' }),
              private_key: path({ description: 'PEM file with the private key.', example: 'key.pem' }),
            },
            { description: 'Without it the listener speaks plain HTTP.' },
          ),
        ),
      },
      { description: 'One address and port.' },
    ),
    { description: 'Where the server listens.', default: [{ port: 8008 }] },
  ),
  database: section(
    {
      sqlite: optional(
        section(
          {
            path: path({
              description: 'The database file. Without any `database`, it is `limpet.db` in `data_path`.',
              example: 'data/limpet.db',
            }),
          },
          { description: 'An embedded database, in one file. The default.' },
        ),
      ),
      postgres: optional(
        section(
          {
            url: url(['postgres', 'postgresql'], {
              description: 'Where the database is, with user and password.',
              example: 'postgres://limpet:secret@127.0.0.1/limpet',
            }),
          },
          { description: 'A PostgreSQL server, instead of `sqlite`.' },
        ),
      ),
    },
    { description: 'Where rooms and accounts are kept: `sqlite` or `postgres`.' },
  ),
  data_path: path({
    description: 'Directory of the signing key and of media. It is made if need be.',
    default: 'data',
  }),
  registration: section(
    {
      mode: choice(['closed', 'token', 'open'], {
        description: '`closed`: by `limpet user create` only. `token`: with a registration token. `open`: anyone.',
        default: 'closed',
      }),
      guests: flag({
        description:
          'Whether anybody may come in as a guest: without a password, and only into rooms that let guests join.',
        default: false,
      }),
    },
    { description: 'Who may make an account.' },
  ),
  sessions: section(
    {
      access_token_seconds: integer({
        description:
          'How long an access token holds of a client that knows refresh tokens. Those of other clients hold until ' +
          'they log out.',
        minimum: 10,
        maximum: 31_536_000,
        default: 300,
      }),
      refresh_token_days: integer({
        description: 'After how many days without a refresh such a client has to log in again; 0 for never.',
        minimum: 0,
        maximum: 3_650,
        default: 0,
      }),
    },
    { description: 'How long clients stay logged in.' },
  ),
  registration_shared_secret: optional(
    text({
      description:
        'Whoever knows it may make accounts, administrators too, through `/_synapse/admin/v1/register`, which ' +
        'many Matrix tools use. Without it that endpoint is off.',
      example: 'a long random text',
    }),
  ),
  federation: section(
    {
      enabled: flag({ description: 'Whether to talk with other homeservers.', default: true }),
      certificate_authorities: list(path({ description: 'A PEM file.' }), {
        description: 'PEM files of authorities to trust besides those of the system.',
        default: [],
        example: ['ca.pem'],
      }),
      allow_private_addresses: flag({
        description:
          'Whether other servers may be at private addresses (10.0.0.0/8, 127.0.0.1, …). For tests and closed ' +
          'networks.',
        default: false,
      }),
      max_extremities: integer({
        description:
          'How many ends the event graph of a room may have before the server brings them together with an event ' +
          'of its own.',
        minimum: 1,
        maximum: 20,
        default: 10,
      }),
      servers: mapping(
        serverName({ description: 'A server name.' }),
        url(['https', 'http'], { description: 'Where it is.' }),
        {
          description: 'Fixed addresses of other servers, by server name, instead of discovery.',
          default: {},
          example: { hs2: 'https://127.0.0.1:8449' },
        },
      ),
      key_notaries: list(serverName({ description: 'A server name.' }), {
        description:
          'Servers that are asked for the keys of those that do not answer by themselves. They are trusted to say ' +
          'which keys a server has.',
        default: [],
        example: ['matrix.org'],
      }),
      well_known_server: optional(
        serverName({
          description:
            'Where other servers reach this one, for `/.well-known/matrix/server`. Without it there is no such ' +
            'answer, and they try the server name itself.',
          example: 'matrix.example.org:443',
        }),
      ),
    },
    { description: 'The other homeservers.' },
  ),
  media: section(
    {
      max_upload_bytes: integer({
        description: 'Largest file that a user may upload. A reverse proxy before the server may have a limit, too.',
        minimum: 1_024,
        maximum: 10_737_418_240,
        default: 52_428_800,
      }),
      max_remote_bytes: integer({
        description:
          'Largest file that is fetched from another server. Each of the few that are fetched at once is in memory.',
        minimum: 1_024,
        maximum: 1_073_741_824,
        default: 52_428_800,
      }),
      remote_days: integer({
        description: 'After how many days without use a copy of another server’s file is removed; 0 keeps it.',
        minimum: 0,
        maximum: 3_650,
        default: 30,
      }),
      url_previews: flag({
        description:
          'Whether clients may ask for previews of web pages. The server then fetches what its users link to, from ' +
          'public addresses alone.',
        default: false,
      }),
      legacy_download: flag({
        description:
          'Whether anyone may download without an access token, as before Matrix 1.11. Turned off, only what came ' +
          'while it was on stays open.',
        default: false,
      }),
    },
    { description: 'Files that users upload, and those of other servers.' },
  ),
  sticky_events: section(
    {
      enabled: flag({
        description:
          'Whether clients may send and get sticky events (MSC4354). When off, those of other servers are still ' +
          'kept, so that turning it on loses nothing.',
        default: true,
      }),
      events_per_sync: integer({
        description: 'Most sticky events in one `/sync` response; the rest follow in the next.',
        minimum: 1,
        maximum: 1000,
        default: 100,
      }),
      received_burst: integer({
        description:
          'Sticky events that one server may bring into one room at once. What goes beyond is kept, and shown to ' +
          'clients a little later.',
        minimum: 1,
        maximum: 1_000_000,
        default: 10_000,
      }),
      received_per_second: integer({
        description: 'How many of them are shown a second from then on.',
        minimum: 1,
        maximum: 100_000,
        default: 100,
      }),
      stable_names: flag({
        description:
          'Whether to write the stable names of the proposal instead of the unstable ones that clients use ' +
          'today. Both are always read.',
        default: false,
      }),
    },
    { description: 'Short-lived events that reach everyone in the room.' },
  ),
  presence: section(
    {
      enabled: flag({
        description: 'Whether users, and other servers, are told who is online. When off, everybody is offline.',
        default: true,
      }),
      max_room_members: integer({
        description:
          'Users are told of those with whom they share a room that has no more joined members than this. In larger ' +
          'rooms presence would cost more than all messages.',
        minimum: 2,
        maximum: 10_000,
        default: 100,
      }),
    },
    { description: 'Who is online.' },
  ),
  push: section(
    {
      allow_private_addresses: flag({
        description:
          'Whether push gateways may be at private addresses (10.0.0.0/8, 127.0.0.1, …), and speak plain HTTP. Users ' +
          'choose them, so this lets every user have requests sent into your network.',
        default: false,
      }),
      thread_subscriptions: flag({
        description:
          'Whether a thread notifies those who follow it and nobody else, but for mentions (the push rules of ' +
          'MSC4306). For users whose clients all follow threads: with any other client threads are silent.',
        default: false,
      }),
    },
    { description: 'What notifies users, and how it reaches push gateways.' },
  ),
  turn: section(
    {
      uris: list(text({ description: 'A TURN server.' }), {
        description: 'TURN servers that clients are told of, for calls between two.',
        default: [],
        example: ['turn:turn.example.org?transport=udp'],
      }),
      shared_secret: optional(
        text({ description: 'The secret that the TURN servers share with this one (`static-auth-secret` of coturn).' }),
      ),
      lifetime_seconds: integer({
        description: 'How long what a client is told is good for.',
        minimum: 60,
        maximum: 604_800,
        default: 86_400,
      }),
    },
    { description: 'TURN servers, which carry calls between two clients that cannot reach each other.' },
  ),
  support: section(
    {
      admin_matrix_id: optional(
        text({ description: 'User ID of who runs the server.', example: '@admin:example.org' }),
      ),
      admin_email_address: optional(
        text({ description: 'E-mail address of who runs the server.', example: 'admin@example.org' }),
      ),
      security_matrix_id: optional(
        text({ description: 'User ID of who takes reports of weaknesses.', example: '@security:example.org' }),
      ),
      security_email_address: optional(
        text({ description: 'E-mail address of who takes reports of weaknesses.', example: 'security@example.org' }),
      ),
      page: optional(url(['https', 'http'], { description: 'A page with help.', example: 'https://example.org/help' })),
    },
    { description: 'Told to everybody who asks, at `/.well-known/matrix/support`.' },
  ),
  delayed_events: section(
    {
      max_delay_ms: integer({
        description:
          'Longest delay, in milliseconds. Calls need some seconds, or hours where a call back-end keeps watch.',
        minimum: 1_000,
        maximum: 31_536_000_000,
        default: 86_400_000,
      }),
      max_scheduled: integer({
        description: 'Delayed events that one user may have scheduled at once.',
        minimum: 1,
        maximum: 10_000,
        default: 100,
      }),
      burst: integer({
        description:
          'Delayed events of one user that are sent at once when they fall due together. What goes beyond is sent a ' +
          'little later.',
        minimum: 1,
        maximum: 10_000,
        default: 20,
      }),
      per_second: integer({
        description: 'How many of them are sent a second from then on.',
        minimum: 1,
        maximum: 10_000,
        default: 10,
      }),
      manage_without_token: flag({
        description:
          'Whether who knows the ID of a delayed event may restart, send or cancel it without an access token. Some ' +
          'call back-ends expect it.',
        default: false,
      }),
    },
    { description: 'Events that are sent later (MSC4140), such as the leave of a client that vanished from a call.' },
  ),
  rtc: section(
    {
      transports: list(
        section(
          {
            type: text({ description: 'What it is: `livekit`.', example: 'livekit' }),
            livekit_service_url: optional(
              url(['https', 'http'], {
                description: 'Where clients get a token for LiveKit. Every `livekit` transport needs it.',
                example: 'https://livekit.example.org/jwt',
              }),
            ),
          },
          { description: 'One back-end for calls.' },
        ),
        {
          description: 'What clients send the pictures and sounds of calls through, the preferred one first.',
          default: [],
          example: [{ type: 'livekit', livekit_service_url: 'https://livekit.example.org/jwt' }],
        },
      ),
    },
    { description: 'Calls (MatrixRTC, MSC4143).' },
  ),
  rate_limits: section(
    {
      enabled: flag({
        description: 'Whether to slow down who asks too often. Off is for tests and benchmarks.',
        default: true,
      }),
      ...RATE_LIMIT_SETTINGS,
    },
    {
      description:
        'Protection from floods. Whoever is over a limit gets 429 `M_LIMIT_EXCEEDED` with `Retry-After`. Each limit ' +
        'is `burst`, so many at once, and `per_second`, so many a second in the long run.',
    },
  ),
  log: section(
    {
      level: choice(['debug', 'info', 'warn', 'error', 'silent'], {
        description: 'The least important lines that are written. `debug` has one for each request.',
        default: 'info',
      }),
      format: choice(['pretty', 'json'], {
        description: '`pretty` for people, `json` (one object a line) for machines.',
        default: 'pretty',
      }),
    },
    { description: 'What is written to standard output.' },
  ),
} as const;
