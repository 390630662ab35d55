import { type FakeAnswer, type FakeResident, refusal } from './fake-resident.ts';
import { createManualWorld, type ManualWorld } from './manual-world.ts';
import {
  createTestFederation,
  type FederationRequest,
  type FederationResponse,
  type TestFederation,
} from './test-federation.ts';

export interface FakeFederation {
  readonly federation: TestFederation;
  readonly world: ManualWorld;
}

const KEY_LIFE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Real servers of these names, and fake ones that they reach like any other. `onOtherRequest` answers for a fake one
 * what is no part of the federation API.
 */
export async function createFakeFederation(
  names: readonly string[],
  residents: readonly FakeResident[],
  onOtherRequest: (request: FederationRequest) => FakeAnswer | undefined = () => undefined,
): Promise<FakeFederation> {
  const world = createManualWorld();
  const all = [...names, ...residents.map(({ serverName }) => serverName), 'gone.test'];
  const servers = Object.fromEntries(all.map((name) => [name, `http://${name}`]));
  const federation = await createTestFederation(names, {
    world,
    config: { federation: { servers } },
    async onRequest(request, pass) {
      const { to, method, path, body } = request;
      const resident = residents.find(({ serverName }) => serverName === to);
      if (resident === undefined) return pass();
      if (path.startsWith('/_matrix/key/v2/server')) {
        return asResponse({ status: 200, body: resident.keyResponse(world.clock.nowMs() + KEY_LIFE_MS) });
      }
      if (!path.startsWith('/_matrix/federation/')) {
        return asResponse(onOtherRequest(request) ?? refusal(404, 'M_UNRECOGNIZED'));
      }
      return asResponse(await resident.answer(method, path, body === '' ? {} : JSON.parse(body)));
    },
  });
  return { federation, world };
}

function asResponse({ status, body, text }: FakeAnswer): FederationResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: text ?? JSON.stringify(body) };
}
