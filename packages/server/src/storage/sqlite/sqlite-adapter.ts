import type { StorageAdapter } from '../storage-adapter.ts';

/**
 * SQLite's differences. Tables are strict: a text in a column of numbers is refused, as in PostgreSQL. `clustered`
 * keeps a table in one tree instead of rows and an index next to them, which is half the work of each insert.
 */
export const sqliteAdapter: StorageAdapter = {
  dialect: 'sqlite',
  schemaWords: {
    nid: 'integer',
    bigint: 'integer',
    text: 'text',
    bytes: 'blob',
    end: ' strict',
    clustered: ' strict, without rowid',
    // The words are in the event itself; what is kept is the index alone.
    searchIndex: "virtual table search_texts using fts5(words, content = '', contentless_delete = 1)",
    // Without indexes of their first letters, all words that begin with three would be read one after the other.
    retireSearchIndex: 'drop table search_texts',
    renewSearchIndex:
      "create virtual table search_texts using fts5(words, content = '', contentless_delete = 1, prefix = '3 4')",
  },
  placeholder: (index) => `?${index}`,
  listCondition: (placeholder, isNegated) =>
    `${isNegated ? 'not in' : 'in'} (select value from json_each(${placeholder}))`,
  bindList: (list) => JSON.stringify(list),
  statementWords: { searchKey: 'rowid', asSearchText: '', asSearchQuery: '', matches: 'match' },
  searchQuery({ anyOf, words }) {
    const alternatives = anyOf.map((text) => `"${text}"`).join(' OR ');
    const wanted = words.map(({ text, isBeginning }) => `"${text}"${isBeginning ? '*' : ''}`);
    return `(${alternatives}) AND ${wanted.join(' AND ')}`;
  },
};
