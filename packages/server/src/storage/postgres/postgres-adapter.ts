import type { StorageAdapter } from '../storage-adapter.ts';

/** PostgreSQL's differences. Texts are compared by code point whatever the locale of the database is. */
export const postgresAdapter: StorageAdapter = {
  dialect: 'postgres',
  schemaWords: { nid: 'bigint', bigint: 'bigint', text: 'text collate "C"', bytes: 'bytea', end: '', clustered: '' },
  placeholder: (index) => `$${index}`,
  listCondition: (placeholder, isNegated) => (isNegated ? `<> all(${placeholder})` : `= any(${placeholder})`),
  bindList: (list) => list,
};
