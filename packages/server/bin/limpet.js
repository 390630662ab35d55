import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * The command `limpet`, plain JavaScript for one reason: whoever wants compiled code from the cache has to ask before
 * the first TypeScript file is loaded. With a warm cache a start neither compiles nor loads what strips the types. That
 * halves its time and saves some 30 MB, in this thread and in the one that writes to SQLite.
 *
 * The cache stands in `node_modules`: who may write there may change what runs anyway. Where it cannot be written, the
 * start is as good, only slower.
 */
const cacheDirectory = fileURLToPath(new URL('../../../node_modules/.cache/limpet', import.meta.url));

enableCompileCache(process.env.NODE_COMPILE_CACHE ?? cacheDirectory);
// Threads ask this variable.
process.env.NODE_COMPILE_CACHE ??= cacheDirectory;

await import('../src/main.ts');
