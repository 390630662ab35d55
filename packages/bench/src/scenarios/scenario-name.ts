/** In the order in which they run. */
export const SCENARIO_NAMES = ['send', 'sync-fanout', 'sticky-page', 'memory'] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];
