/** What we use of the parser. It is loaded when the first page is read, and seen only through this. */
declare module 'htmlparser2' {
  export interface Handler {
    onopentag?(name: string, attributes: Readonly<Record<string, string>>): void;
    onclosetag?(name: string): void;
    ontext?(text: string): void;
  }

  export class Parser {
    constructor(handler: Handler, options?: { readonly decodeEntities?: boolean });
    write(chunk: string): void;
    end(): void;
  }
}
