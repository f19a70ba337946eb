// The differences between two sets of values, layer by layer and channel by channel.

import { channelValues } from '../lib/math.js';

/** Pair the layers of two networks that have the same kind and shape, in order.
 *
 * @returns [[layer, other]]; a layer without a counterpart after those before it is left out.
 */
export function pairs(layers, others) {
  let next = 0;
  return layers.flatMap((layer) => {
    const index = others.findIndex((other, at) => at >= next && isAlike(layer, other));
    if (index < 0) return [];
    next = index + 1;
    return [[layer, others[index]]];
  });
}

const isAlike = (one, other) =>
  one.kind.name === other.kind.name && String(one.outputShape) === String(other.outputShape);

/** Return the differences `left − right` of two arrays, with their largest and mean magnitude. */
export function difference(left, right) {
  const values = left.map((value, i) => value - right[i]);
  let [max, total] = [0, 0];
  for (const value of values) {
    max = Math.max(max, Math.abs(value));
    total += Math.abs(value);
  }
  return { values, max, mean: total / values.length };
}

/** Return each pair of layers with their values, their difference and the limit of their common scale,
 * the largest difference first; equal ones stay in the order of the network.
 */
export function compareLayers(left, right) {
  return pairs(left.network.layers, right.network.layers)
    .map(([layer, other]) => {
      const [own, others] = [left.of(layer), right.of(other)];
      const apart = difference(own, others);
      const limit = [own, others, apart.values].reduce((most, values) => Math.max(most, largest(values)), 0);
      return { layer, left: own, right: others, ...apart, limit: limit || 1 };
    })
    .sort((a, b) => b.max - a.max);
}

/** Return the channels of a compared layer, {channel, left, right, values, max, mean}, in the same order;
 * the units of a flat layer are one map.
 */
export function compareChannels({ layer, left, right, values, max, mean }) {
  if (layer.isFlat) return [{ channel: null, left, right, values, max, mean }];
  const one = (array, channel) => channelValues(array, layer.channels, channel);
  return Array.from({ length: layer.channels }, (_, channel) => {
    const [own, others] = [one(left, channel), one(right, channel)];
    return { channel, left: own, right: others, ...difference(own, others) };
  }).sort((a, b) => b.max - a.max);
}

/** Return the probability of each class on both sides, and their difference; classes are matched by label. */
export function compareClasses(left, right) {
  const others = new Map(right.ranking().map((each) => [each.label, each.probability]));
  return left
    .ranking()
    .sort((a, b) => a.index - b.index)
    .map(({ label, probability }) => {
      const other = others.get(label) ?? null;
      return { label, left: probability, right: other, difference: other === null ? null : probability - other };
    });
}

function largest(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
