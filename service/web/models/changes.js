// Changes to the network and the digit, as compute/edits.js describes them: at most one at each place.

const placeOf = ({ kind, layer, channel, index }) => [kind, layer, channel, index].join('/');

/** Return the changes with another one, which replaces that at the same place. */
export function withChange(changes, change) {
  return [...withoutChange(changes, change), change];
}

/** Return the changes without the one at the same place. */
export function withoutChange(changes, change) {
  return changes.filter((each) => placeOf(each) !== placeOf(change));
}

/** Return the change at the same place; undefined where there is none. */
export function changeAt(changes, change) {
  return changes.find((each) => placeOf(each) === placeOf(change));
}
