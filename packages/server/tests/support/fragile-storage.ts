import { type Storage, StorageFailure } from '../../src/storage/storage.ts';

/** A database that fails when it is told to, before or after it has done what was asked. */
export interface FragileStorage {
  readonly storage: Storage;
  /** Lets the next writes fail, so many, once `passing` have gone well; 0 times: none any more. */
  fail(when: 'before' | 'after', times: number, passing?: number): void;
}

export function fragileStorage(real: Storage): FragileStorage {
  let failure: { when: 'before' | 'after'; times: number; passing: number } = { when: 'before', times: 0, passing: 0 };
  const write: Storage['write'] = async (build, options) => {
    if (failure.times === 0) return real.write(build, options);
    if (failure.passing > 0) {
      failure = { ...failure, passing: failure.passing - 1 };
      return real.write(build, options);
    }
    failure = { ...failure, times: failure.times - 1 };
    if (failure.when === 'after') await real.write(build, options);
    throw new StorageFailure('The disk is full', undefined);
  };
  return {
    storage: { ...real, write },
    fail(when, times, passing = 0) {
      failure = { when, times, passing };
    },
  };
}
