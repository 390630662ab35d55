/** In the order in which they run. */
export const SCENARIO_NAMES = [
  'send',
  'sync-fanout',
  'sticky-page',
  'sliding',
  'initial-sync',
  'federation-send',
  'federation-catch-up',
  'federation-join',
  'memory',
] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];

/** Several servers that the bench starts itself. Minutes of set-up each, so they run only where they are named. */
const FEDERATION_SCENARIOS = ['federation-send', 'federation-catch-up', 'federation-join'] as const;

export function isFederationScenario(name: ScenarioName): boolean {
  return FEDERATION_SCENARIOS.some((known) => known === name);
}
