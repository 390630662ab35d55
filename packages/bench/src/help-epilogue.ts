/** What stands under the options in `--help`. */
export const HELP_EPILOGUE = `
Scenarios:
  send         1, 8 and 64 senders, each a user with a kept-alive connection, send m.room.message one after the
               other. Sender N writes to room N modulo --rooms, so 64 senders share 8 rooms unless told otherwise.
               The floor gets the same bodies. Rate, p50 and p99; beside the floor also what the bench itself can
               drive (its "ceiling").
  sync-fanout  --clients users wait in /sync, all in one room; one sticky event is sent. Time from the send to the
               first, the median and the last client that has it; the median of --rounds rounds, and the worst.
  sticky-page  --sticky-events unexpired sticky events lie in one room, and 1,000 in another. Initial /sync of a user
               of that room alone, --requests times: p50 and p99 of the page.
  sliding      a user in --user-rooms rooms asks for the first 20 of them by sliding sync on a new connection,
               --requests times, and as often after something was said in one of the rooms: p50 and p99 of both.
  initial-sync the same user asks for everything by /sync, 30 times: p50 and p99.
  call         --participants users join one call within 10 s: each schedules its leave, and sends a sticky membership;
               they renew it within 10 s, and leave within 10 s. Time until the clients of all have each event.
  delayed      250 clients restart 1,000 delayed events every 4 s for --delayed-seconds, and vanish: how late each event
               comes. Then as many fall due while the server is killed and started again. None early, none twice.
  federation-send      one server with a room, and one user in it on each of --servers others. --rate events a second
               for --duration: time from when an event was to be sent until the client of the last server has it.
  federation-catch-up  a server is away while --missed-events sticky events are sent on another one. From its return
               until the last of its 4 clients has the last of them.
  federation-join      a room of --members members and --room-events events. Time in which a user of a server that
               knows nothing of it joins, and until his client has the room; three times, each with a new server.
  memory       resident memory at rest (before any load) and after the load of the other scenarios, or of 64 senders
               if it runs alone. Of --start, --floor, and a --target with --pid.

The federation scenarios and delayed run only where they are named, and with --start: they start their own servers.
A target needs open registration and no rate limits. The bench makes users and rooms there, and leaves them.

Exit status: 0 all was measured, 1 a measurement failed, 2 wrong arguments or a target that cannot be used.

Examples:
  npm run bench -- --start --floor                              the whole table, nothing needed
  npm run bench -- --target http://127.0.0.1:8008 --scenario send
  npm run bench -- --floor --target a=http://10.0.0.1:8008 --target b=http://10.0.0.2:8008 --json figures.json
`;
