/**
 * JSON that is text already. Events are kept as text and an answer of many events is a join of texts (decision 4 of the
 * architecture), so such an answer must not be parsed and written again. Whoever makes one vouches that it is JSON.
 */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object whose members are texts of JSON; those without a value are left out. */
export function jsonOfMembers(members: readonly (readonly [name: string, json: string | undefined])[]): RawJson {
  const texts = members.flatMap(([name, json]) => (json === undefined ? [] : [`${JSON.stringify(name)}:${json}`]));
  return new RawJson(`{${texts.join(',')}}`);
}
