/** In the order in which they run. */
export const SCENARIO_NAMES = [
  'send',
  'sync-fanout',
  'sticky-page',
  'sliding',
  'initial-sync',
  'call',
  'delayed',
  'federation-send',
  'federation-catch-up',
  'federation-join',
  'memory',
] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];

/** With servers that the bench starts itself. They take minutes each, so they run only where they are named. */
const SCENARIOS_OF_OWN_SERVERS = ['delayed', 'federation-send', 'federation-catch-up', 'federation-join'] as const;

export function startsOwnServers(name: ScenarioName): boolean {
  return SCENARIOS_OF_OWN_SERVERS.some((known) => known === name);
}
