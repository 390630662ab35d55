/**
 * The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank). The values must be
 * sorted. `NaN` of none.
 */
export function percentile(sorted: Float64Array, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}
