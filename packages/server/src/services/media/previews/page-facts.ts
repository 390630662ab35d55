/** What a page says of itself, as far as a preview shows it. */
export interface PageFacts {
  /** OpenGraph properties in the order of the page, each at its first place: `og:title` and so on. */
  readonly properties: ReadonlyMap<string, string>;
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** The first words of the page itself. */
  readonly text: string;
  /** Where its links count from, if it says so. */
  readonly base: string | undefined;
  /** The character encoding that the page names. */
  readonly charset: string | undefined;
}
