import { grey } from '../lib/colours.js';
import { channelValues } from '../lib/math.js';
import { diverging } from '../lib/paint.js';
import { intensity } from '../models/pixels.js';

/** Return the values and colours of a layer's tiles, and their legend.
 *
 * @param layer null for the digit.
 * @returns {of(channel) → {values, colour, isInactive}, legend: {limit, isDiverging, channel: the one whose
 *   scale it is, null for all} or none}; null while there are no values.
 */
export function tileSource(network, layer, { stage, scale, digit, values, weights, cell }) {
  const perMap = scale === 'map';
  const selected = cell && cell.layer === layer?.name ? cell.channel : 0; // The legend shows its scale.
  if (layer && stage === 'weights')
    return weights?.has(layer) ? ofKernels(layer, weights, perMap, selected) : null;
  if (!values) return null;
  return layer
    ? ofMaps(layer, values, stage, perMap && !layer.isFlat, selected)
    : ofDigit(network.input, digit);
}

function ofKernels(layer, weights, perMap, selected) {
  const limit = limits((channel) => weights.limit(layer, channel), perMap);
  return {
    of: (channel) => ({ values: weights.image(layer, channel), colour: diverging(limit(channel)) }),
    legend: { limit: limit(selected), isDiverging: true, channel: perMap ? selected : null },
  };
}

function ofDigit({ channels }, { pixels }) {
  return {
    of: (channel) => ({ values: channelValues(pixels, channels, channel).map(intensity), colour: grey }),
  };
}

function ofMaps(layer, values, stage, perMap, selected) {
  const array = values.of(layer, stage);
  const limit = limits((channel) => values.limit(layer, stage, channel), perMap);
  const inactive = layer.isFlat || stage === 'pre' ? null : values.inactive(layer);
  return {
    of: (channel) => ({
      values: channelValues(array, layer.channels, channel),
      colour: diverging(limit(channel)),
      isInactive: Boolean(inactive?.[channel]),
    }),
    legend: {
      limit: limit(selected),
      isDiverging: values.isDiverging(layer, stage),
      channel: perMap ? selected : null,
    },
  };
}

/** Return a function from channel to the limit of its scale: its own limit, or one for all channels. */
function limits(limit, perMap) {
  if (perMap) return limit;
  const all = limit(null);
  return () => all;
}
