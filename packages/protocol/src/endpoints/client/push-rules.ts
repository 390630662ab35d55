import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

const ruleset = Type.Object({
  override: Type.Array(anyJsonObject),
  content: Type.Array(anyJsonObject),
  /** MSC4306. */
  postcontent: Type.Optional(Type.Array(anyJsonObject)),
  room: Type.Array(anyJsonObject),
  sender: Type.Array(anyJsonObject),
  underride: Type.Array(anyJsonObject),
});

const scope = Type.Literal('global');
const kind = Type.Union([
  Type.Literal('override'),
  Type.Literal('content'),
  Type.Literal('postcontent'),
  Type.Literal('room'),
  Type.Literal('sender'),
  Type.Literal('underride'),
]);
const actions = Type.Array(Type.Union([Type.String(), anyJsonObject]));
const rulePath = Type.Object({ scope, kind, ruleId: Type.String({ minLength: 1 }) });

/** Specification: client-server API, "Push Rules: API". Some clients leave the last slash out. */
export const getPushRules = defineEndpoint({
  method: 'GET',
  paths: [...v3AndR0('/pushrules/'), ...v3AndR0('/pushrules')],
  authentication: 'access token',
  summary: 'All push rules',
  response: Type.Object({ global: ruleset }),
});

export const getGlobalPushRules = defineEndpoint({
  method: 'GET',
  paths: [...v3AndR0('/pushrules/{scope}/'), ...v3AndR0('/pushrules/{scope}')],
  authentication: 'access token',
  summary: 'All push rules of a scope, of which there is one',
  pathParameters: Type.Object({ scope }),
  response: ruleset,
});

export const getPushRule = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}'),
  authentication: 'access token',
  summary: 'One push rule',
  pathParameters: rulePath,
  response: anyJsonObject,
});

export const setPushRule = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}'),
  authentication: 'access token',
  summary: 'Add or change a push rule',
  pathParameters: rulePath,
  query: Type.Object({ before: Type.Optional(Type.String()), after: Type.Optional(Type.String()) }),
  body: Type.Object({
    actions,
    conditions: Type.Optional(Type.Array(Type.Object({ kind: Type.String() }))),
    pattern: Type.Optional(Type.String()),
  }),
  response: emptyObject,
});

export const deletePushRule = defineEndpoint({
  method: 'DELETE',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}'),
  authentication: 'access token',
  summary: 'Remove a push rule',
  pathParameters: rulePath,
  response: emptyObject,
});

export const getPushRuleEnabled = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}/enabled'),
  authentication: 'access token',
  summary: 'Whether a push rule is enabled',
  pathParameters: rulePath,
  response: Type.Object({ enabled: Type.Boolean() }),
});

export const setPushRuleEnabled = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}/enabled'),
  authentication: 'access token',
  summary: 'Enable or disable a push rule',
  pathParameters: rulePath,
  body: Type.Object({ enabled: Type.Boolean() }),
  response: emptyObject,
});

export const getPushRuleActions = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}/actions'),
  authentication: 'access token',
  summary: 'What a push rule does',
  pathParameters: rulePath,
  response: Type.Object({ actions }),
});

export const setPushRuleActions = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/pushrules/{scope}/{kind}/{ruleId}/actions'),
  authentication: 'access token',
  summary: 'Set what a push rule does',
  pathParameters: rulePath,
  body: Type.Object({ actions }),
  response: emptyObject,
});

/** Push rules are account data too, as far as reading goes. */
export const getPushRulesAccountData = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/user/{userId}/account_data/m.push_rules'),
  authentication: 'access token',
  summary: 'All push rules, as account data',
  response: Type.Object({ global: ruleset }),
});
