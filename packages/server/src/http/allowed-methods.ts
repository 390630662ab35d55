import type { Route } from './route.ts';

/**
 * For a URL that no route took: the methods that its path does take, none where the path is unknown. Only such requests
 * pay for it. Registering "405" routes instead would put them before routes with a parameter in that place.
 */
export function allowedMethods(routes: readonly Route[]): (url: string) => string[] {
  const patterns = routes.flatMap(({ endpoint }) =>
    endpoint.paths.map((path) => ({ method: endpoint.method, pattern: patternOf(path) })),
  );
  return (url) => {
    const path = url.split('?', 1)[0] ?? '';
    const methods = new Set<string>();
    for (const { method, pattern } of patterns) {
      if (pattern.test(path)) {
        methods.add(method);
      }
    }
    return [...methods].sort();
  };
}

function patternOf(path: string): RegExp {
  const parts = path.split(/\{[A-Za-z]+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^/]*')}$`);
}
