/** Numbers as tokens write them: short. */
export function base36(value: number): string {
  return value.toString(36);
}

/** `undefined` for anything but a whole number that `base36` may have written, below 2^53. */
export function parseBase36(text: string): number | undefined {
  if (!/^[0-9a-z]{1,11}$/.test(text)) return undefined;
  const value = Number.parseInt(text, 36);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Ascending numbers, each as what lies between it and the one before, joined by dots. */
export function joinAscending(numbers: readonly number[]): string {
  let previous = 0;
  const differences = numbers.map((number) => {
    const difference = number - previous;
    previous = number;
    return base36(difference);
  });
  return differences.join('.');
}

/** The numbers back from their differences, some of which may have been no numbers. */
export function sumUp(differences: readonly (number | undefined)[]): number[] | undefined {
  const numbers: number[] = [];
  let last = 0;
  for (const difference of differences) {
    if (difference === undefined) return undefined;
    last += difference;
    numbers.push(last);
  }
  return Number.isSafeInteger(last) ? numbers : undefined;
}
