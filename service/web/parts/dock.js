// The inspector is docked: its height, and with it the size of its pictures, follows the window's.

/** Return the side of a picture in the inspector, CSS pixels at most. */
export function dockedSide() {
  if (innerHeight >= 960) return 196;
  return innerHeight >= 820 ? 160 : 112;
}
