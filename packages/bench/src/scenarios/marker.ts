/** The text of an event that a CountingClient knows again. */
export function marker(index: number): string {
  return `marked-${index}-of-the-bench`;
}

export function markerPattern(): RegExp {
  return /marked-(\d+)-of-the-bench/g;
}
