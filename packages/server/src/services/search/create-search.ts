import { Search, type SearchParts } from './search.ts';
import { SearchDetails, type SearchDetailsParts } from './search-details.ts';
import type { SearchIndex } from './search-index.ts';

/** All that answers searches. */
export interface SearchService {
  readonly search: Search;
  readonly details: SearchDetails;
  /** Keeps the index behind what is sent, until `stop`. */
  start(): void;
  stop(): Promise<void>;
}

export function createSearch(parts: SearchParts & SearchDetailsParts & { index: SearchIndex }): SearchService {
  const { index } = parts;
  return {
    search: new Search(parts),
    details: new SearchDetails(parts),
    start: () => index.start(),
    stop: () => index.stop(),
  };
}
