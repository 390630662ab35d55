import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * For `node --import`: at its end the main thread of the process writes what it has loaded, one URL a line, into the
 * file that the environment variable LOADED_FILES names.
 */
const urls: string[] = [];
registerHooks({
  load(url, context, next) {
    urls.push(url);
    return next(url, context);
  },
});
process.on('exit', () => writeFileSync(process.env.LOADED_FILES ?? '', urls.join('\n')));
