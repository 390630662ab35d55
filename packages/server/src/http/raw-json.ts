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
