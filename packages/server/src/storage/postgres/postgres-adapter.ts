import type { StorageAdapter } from '../storage-adapter.ts';

/** PostgreSQL's differences. Texts are compared by code point whatever the locale of the database is. */
export const postgresAdapter: StorageAdapter = {
  dialect: 'postgres',
  schemaWords: {
    nid: 'bigint',
    bigint: 'bigint',
    text: 'text collate "C"',
    bytes: 'bytea',
    end: '',
    clustered: '',
    searchIndex:
      'table search_texts (event_nid bigint primary key, words tsvector not null); ' +
      'create index search_texts_by_word on search_texts using gin (words)',
    // What is put off until the next vacuum would be gone through by every search, or make it do without the index.
    retireSearchIndex: 'alter index search_texts_by_word set (fastupdate = off)',
    renewSearchIndex: "select gin_clean_pending_list('search_texts_by_word')",
  },
  placeholder: (index) => `$${index}`,
  listCondition: (placeholder, isNegated) => (isNegated ? `<> all(${placeholder})` : `= any(${placeholder})`),
  bindList: (list) => list,
  // The words go in as they are: the parsers and dictionaries of PostgreSQL would make others of them.
  statementWords: {
    searchKey: 'event_nid',
    asSearchText: '::tsvector',
    asSearchQuery: '::tsquery',
    matches: '@@',
  },
  searchQuery({ anyOf, words }) {
    const wanted = words.map(({ text, isBeginning }) => `'${text}'${isBeginning ? ':*' : ''}`);
    return `(${anyOf.map((text) => `'${text}'`).join(' | ')}) & ${wanted.join(' & ')}`;
  },
};
