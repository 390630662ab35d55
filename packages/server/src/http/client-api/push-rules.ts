import {
  deletePushRule,
  getGlobalPushRules,
  getPushRule,
  getPushRuleActions,
  getPushRuleEnabled,
  getPushRules,
  getPushRulesAccountData,
  setPushRule,
  setPushRuleActions,
  setPushRuleEnabled,
} from '@limpet/protocol/endpoints/client/push-rules';
import type { PushRules } from '../../services/push/push-rules.ts';
import type { Requester } from '../authenticate.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Push Rules: API". */
export function pushRulesRoutes({ rules }: { readonly rules: PushRules }): Route[] {
  const global = async (userId: string) => json({ global: await rules.ruleset(userId) });
  return [
    route(getPushRules, ({ requester }) => global(requester.userId)),
    route(getPushRulesAccountData, ({ path, requester }) => global(ownUserId(path, requester))),
    route(getGlobalPushRules, async ({ requester }) => json(await rules.ruleset(requester.userId))),
    ...ruleRoutes(rules),
    ...settingRoutes(rules),
  ];
}

function ruleRoutes(rules: PushRules): Route[] {
  return [
    route(getPushRule, async ({ path, requester }) => json(await rules.rule(nameOf(path, requester)))),

    route(setPushRule, async ({ path, query, body, requester }) => {
      const { actions, conditions, pattern } = body;
      const { before, after } = query;
      await rules.put(requester.userId, { ...path, actions, conditions, pattern, before, after });
      return {};
    }),

    route(deletePushRule, async ({ path, requester }) => {
      await rules.remove(nameOf(path, requester));
      return {};
    }),
  ];
}

function settingRoutes(rules: PushRules): Route[] {
  return [
    route(getPushRuleEnabled, async ({ path, requester }) => {
      const { enabled } = await rules.rule(nameOf(path, requester));
      return { enabled };
    }),

    route(setPushRuleEnabled, async ({ path, body, requester }) => {
      await rules.set(nameOf(path, requester), { enabled: body.enabled });
      return {};
    }),

    route(getPushRuleActions, async ({ path, requester }) => {
      const { actions } = await rules.rule(nameOf(path, requester));
      return json({ actions });
    }),

    route(setPushRuleActions, async ({ path, body, requester }) => {
      await rules.set(nameOf(path, requester), { actions: body.actions });
      return {};
    }),
  ];
}

function nameOf({ kind, ruleId }: PushRulePath, { userId }: Requester) {
  return { userId, kind, ruleId };
}

type PushRulePath = Pick<Parameters<PushRules['rule']>[0], 'kind' | 'ruleId'>;

function json(value: object): RawJson {
  return new RawJson(JSON.stringify(value));
}
