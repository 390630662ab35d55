/** The paths of an endpoint that has been there since r0: today's name first, then the one that old tools use. */
export function v3AndR0<const Path extends string>(
  path: Path,
): readonly [`/_matrix/client/v3${Path}`, `/_matrix/client/r0${Path}`] {
  return [`/_matrix/client/v3${path}`, `/_matrix/client/r0${path}`];
}

/** The paths of an endpoint that came later, and was called without a version before. */
export function v3AndUnstable<const Path extends string>(
  path: Path,
): readonly [`/_matrix/client/v3${Path}`, `/_matrix/client/unstable${Path}`] {
  return [`/_matrix/client/v3${path}`, `/_matrix/client/unstable${path}`];
}
