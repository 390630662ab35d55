/** Keys of a device as clients and servers get them: what the device signed, with the name that it has now. */
export function deviceKeysText(json: string, displayName: string | null): string {
  const unsigned = JSON.stringify(displayName === null ? {} : { device_display_name: displayName });
  // The text is canonical JSON without `unsigned`, and has at least the two IDs.
  return `${json.slice(0, -1)},"unsigned":${unsigned}}`;
}
