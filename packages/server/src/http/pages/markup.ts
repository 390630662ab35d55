/** Text that is HTML already. Only `markup` makes it, so what came from outside is escaped on its way in. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** HTML with values in it: texts are escaped, in elements as in quoted attributes; `undefined` is nothing. */
export function markup(parts: TemplateStringsArray, ...values: readonly (string | Markup | undefined)[]): Markup {
  return new Markup(parts.map((part, index) => (index === 0 ? part : rendered(values[index - 1]) + part)).join(''));
}

function rendered(value: string | Markup | undefined): string {
  if (value === undefined) return '';
  return value instanceof Markup ? value.text : value.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
