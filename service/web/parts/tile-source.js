import { el } from '../lib/dom.js';
import { diverging, grey } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { legend } from './legend.js';

/** What the tiles of a layer show, and their legend.
 *
 * @param layer null: the digit.
 * @returns {of(channel) → {values, colour, dead}, legend}; null: nothing to show yet.
 */
export function tileSource(network, layer, { stage, scale, digit, values, weights }) {
  if (layer && stage === 'weights') return weights?.has(layer) ? ofKernels(layer, weights) : null;
  if (!values) return null;
  return layer ? ofMaps(layer, values, stage, scale) : ofDigit(network.input, digit);
}

function ofKernels(layer, weights) {
  const limit = weights.limit(layer);
  return {
    of: (channel) => ({ values: weights.picture(layer, channel), colour: diverging(limit) }),
    legend: legend(limit, true),
  };
}

function ofDigit({ channels }, { pixels }) {
  return {
    of: (channel) => ({ values: every(pixels, channels, channel).map((byte) => byte / 255), colour: grey }),
  };
}

function ofMaps(layer, values, stage, scale) {
  const array = values.of(layer, stage);
  const perMap = scale === 'map' && !layer.isFlat;
  const limit = values.limit(layer, stage);
  const dead = layer.isFlat || stage === 'pre' ? null : values.dead(layer);
  return {
    of: (channel) => ({
      values: every(array, layer.channels, channel),
      colour: diverging(perMap ? values.limit(layer, stage, channel) : limit),
      dead: Boolean(dead?.[channel]),
    }),
    legend: perMap
      ? el('p', { class: 'soft' }, t('legend.map'))
      : legend(limit, values.isDiverging(layer, stage)),
  };
}

/** One channel of values whose channels come last. */
function every(values, step, first) {
  const out = new Float32Array(values.length / step);
  for (let i = 0; i < out.length; i++) out[i] = values[first + i * step];
  return out;
}
