/** A JSON object from its keys and the texts of its values: keys of devices are kept as text and go out as text. */
export function jsonObjectText(members: Iterable<readonly [key: string, json: string]>): string {
  return `{${Array.from(members, ([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`;
}
