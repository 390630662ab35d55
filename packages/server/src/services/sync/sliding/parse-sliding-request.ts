import type { EndpointInput } from '@limpet/protocol/endpoint';
import type { slidingSyncEndpoint } from '@limpet/protocol/endpoints/client/sliding-sync';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { ListFilters, ListRule, RoomRule, SlidingRequest } from './sliding-request.ts';
import { formatStateRule, type StatePattern } from './state-rule.ts';

/** Most events of a timeline, whatever the client asks for, and what it is where it does not say. */
const MAX_TIMELINE_LIMIT = 100;
const DEFAULT_TIMELINE_LIMIT = 10;
/** Longest `required_state` of all rules of a request together, in characters; what is said twice counts once. */
const MAX_STATE_RULES_LENGTH = 32_768;

type Input = EndpointInput<typeof slidingSyncEndpoint>;
type Body = Input['body'];
type GivenList = NonNullable<Body['lists']>[string];
type GivenRule = NonNullable<Body['room_subscriptions']>[string];

/** Throws M_INVALID_PARAM that names what is wrong: a window backwards, too much `required_state`. */
export function parseSlidingRequest(
  { query, body }: Pick<Input, 'query' | 'body'>,
  requester: Pick<SlidingRequest, 'userId' | 'deviceId' | 'signal'>,
): SlidingRequest {
  const lists = Object.entries(body.lists ?? {}).map(
    ([name, list]) => [name, listRule(name, list, requester)] as const,
  );
  const subscriptions = Object.entries(body.room_subscriptions ?? {}).map(
    ([roomId, rule]) => [roomId, roomRule(rule, requester)] as const,
  );
  checkStateRules([...lists, ...subscriptions].map(([, rule]) => rule));
  return {
    ...requester,
    connId: body.conn_id ?? '',
    // An empty `pos` is how some clients say that they have none.
    pos: query.pos || body.pos || undefined,
    setPresence: query.set_presence ?? body.set_presence,
    timeoutMs: query.timeout ?? body.timeout ?? 0,
    txnId: body.txn_id,
    lists: new Map(lists),
    subscriptions: new Map(subscriptions),
    unsubscriptions: body.unsubscribe_rooms ?? [],
    extensions: body.extensions ?? {},
  };
}

function listRule(name: string, list: GivenList, requester: { userId: string }): ListRule {
  const given = list.ranges ?? (list.range === undefined ? undefined : [list.range]);
  const ranges = given?.map(([first = 0, last = 0]) => {
    if (first <= last) return [first, last] as const;
    throw new MatrixError('M_INVALID_PARAM', `A range of the list "${name}" ends before it begins: ${first}, ${last}.`);
  });
  return { ...roomRule(list, requester), ranges, filters: listFilters(list.filters ?? {}) };
}

function listFilters(given: NonNullable<GivenList['filters']>): ListFilters {
  return {
    isDirect: given.is_dm,
    spaces: given.spaces,
    isEncrypted: given.is_encrypted,
    isInvited: given.is_invited ?? given.is_invite,
    roomTypes: given.room_types,
    notRoomTypes: given.not_room_types,
    tags: given.tags,
    notTags: given.not_tags,
    roomNameLike: given.room_name_like,
  };
}

function roomRule({ timeline_limit, required_state }: GivenRule, { userId }: { userId: string }): RoomRule {
  const timelineLimit = Math.min(timeline_limit ?? DEFAULT_TIMELINE_LIMIT, MAX_TIMELINE_LIMIT);
  return { timelineLimit, stateRule: stateRule(required_state ?? [], userId) };
}

function stateRule(given: NonNullable<GivenRule['required_state']>, userId: string): string {
  if (!Array.isArray(given)) {
    const patterns = (elements: typeof given.include): StatePattern[] =>
      (elements ?? []).map(({ type, state_key }) => [type ?? null, state_key ?? null]);
    return formatStateRule({
      include: patterns(given.include),
      exclude: patterns(given.exclude),
      isLazy: given.lazy_members ?? false,
    });
  }
  const include: StatePattern[] = [];
  let isLazy = false;
  for (const [type = '', key = ''] of given) {
    if (type === 'm.room.member' && key === '$LAZY') isLazy = true;
    else include.push([type === '*' ? null : type, key === '*' ? null : key === '$ME' ? userId : key]);
  }
  return formatStateRule({ include, exclude: [], isLazy });
}

/** They are kept with the connection. */
function checkStateRules(rules: readonly RoomRule[]): void {
  const texts = new Set(rules.map((rule) => rule.stateRule));
  let length = 0;
  for (const text of texts) length += text.length;
  if (length <= MAX_STATE_RULES_LENGTH) return;
  const most = `${MAX_STATE_RULES_LENGTH} characters`;
  throw new MatrixError('M_INVALID_PARAM', `The "required_state" of all lists together may have ${most} at most.`);
}
