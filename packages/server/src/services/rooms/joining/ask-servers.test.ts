import { describe, expect, test } from 'vitest';
import { createManualWorld } from '../../../../tests/support/manual-world.ts';
import { silentLog } from '../../../../tests/support/silent-log.ts';
import { RemoteServerError } from '../../remote-servers/remote-servers.ts';
import { askServers, otherServers } from './ask-servers.ts';

function refused(destination: string, errcode: string, body = {}): RemoteServerError {
  return new RemoteServerError(destination, 'refused', errcode, { status: 400, body: { errcode, ...body } });
}

function ask(servers: Readonly<Record<string, RemoteServerError>>): Promise<never> {
  const { clock } = createManualWorld();
  const fail = async (serverName: string): Promise<never> => {
    throw servers[serverName];
  };
  return askServers(Object.keys(servers), fail, { clock, log: silentLog, purpose: 'join', roomId: '!room:far' });
}

describe('asking servers one after the other', () => {
  test.each([
    ['M_FORBIDDEN', [403, 'M_FORBIDDEN']],
    ['M_UNABLE_TO_GRANT_JOIN', [403, 'M_FORBIDDEN']],
    ['M_UNABLE_TO_AUTHORISE_JOIN', [403, 'M_FORBIDDEN']],
    ['M_NOT_FOUND', [404, 'M_NOT_FOUND']],
    ['M_LIMIT_EXCEEDED', [429, 'M_LIMIT_EXCEEDED']],
    ['ORG.EXAMPLE.OTHER', [502, 'M_UNKNOWN']],
  ])('passes on %s as the client knows it', async (errcode, [status, expected]) => {
    await expect(ask({ far: refused('far', errcode) })).rejects.toMatchObject({ status, errcode: expected });
  });

  test('says which version it is that is not known, however long its name', async () => {
    const error = refused('far', 'M_INCOMPATIBLE_ROOM_VERSION', { room_version: 'x'.repeat(1_000) });
    await expect(ask({ far: error })).rejects.toMatchObject({
      errcode: 'M_INCOMPATIBLE_ROOM_VERSION',
      extra: { room_version: 'x'.repeat(300) },
    });
  });

  test('tells what says most of the room: not that the last server was out of reach', async () => {
    const gone = new RemoteServerError('gone', 'unreachable', 'Nobody is there');
    const failures = { far: refused('far', 'M_FORBIDDEN'), other: refused('other', 'M_NOT_FOUND'), gone };
    await expect(ask(failures)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
  });

  test('ends after a while, with servers that let one wait (H3)', async () => {
    const world = createManualWorld();
    const asked: string[] = [];
    const wait = async (serverName: string): Promise<never> => {
      asked.push(serverName);
      world.advance(60_000);
      throw new RemoteServerError(serverName, 'unreachable', 'No answer in time');
    };
    const asking = { clock: world.clock, log: silentLog, purpose: 'join', roomId: '!room:far' };
    await expect(askServers(['a', 'b', 'c', 'd'], wait, asking)).rejects.toMatchObject({ status: 502 });
    expect(asked).toEqual(['a', 'b']);
  });

  test('passes over what is no server name, and this server itself', () => {
    expect(otherServers(['far', undefined, 'no server', 'here', 'far', 'b.example:8448'], 'here')).toEqual([
      'far',
      'b.example:8448',
    ]);
  });
});
