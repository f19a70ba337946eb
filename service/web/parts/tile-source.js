import { el } from '../lib/dom.js';
import { diverging, grey } from '../lib/paint.js';
import { t } from '../lib/i18n.js';
import { legend } from './legend.js';

/** What the tiles of a layer show, and their legend.
 *
 * @param layer null: the digit.
 * @returns {of(channel) → {values, colour, dead}, legend}; null: nothing to show yet.
 */
export function tileSource(network, layer, { stage, scale, digit, values, weights, cell }) {
  const perMap = scale === 'map';
  const told = cell && cell.layer === layer?.name ? cell.channel : 0; // whose scale the legend tells
  if (layer && stage === 'weights')
    return weights?.has(layer) ? ofKernels(layer, weights, perMap, told) : null;
  if (!values) return null;
  return layer ? ofMaps(layer, values, stage, perMap && !layer.isFlat, told) : ofDigit(network.input, digit);
}

function ofKernels(layer, weights, perMap, told) {
  const limit = limits((channel) => weights.limit(layer, channel), perMap);
  return {
    of: (channel) => ({ values: weights.picture(layer, channel), colour: diverging(limit(channel)) }),
    legend: legendOf(layer, limit(told), true, perMap ? told : null),
  };
}

function ofDigit({ channels }, { pixels }) {
  return {
    of: (channel) => ({ values: every(pixels, channels, channel).map((byte) => byte / 255), colour: grey }),
  };
}

function ofMaps(layer, values, stage, perMap, told) {
  const array = values.of(layer, stage);
  const limit = limits((channel) => values.limit(layer, stage, channel), perMap);
  const dead = layer.isFlat || stage === 'pre' ? null : values.dead(layer);
  return {
    of: (channel) => ({
      values: every(array, layer.channels, channel),
      colour: diverging(limit(channel)),
      dead: Boolean(dead?.[channel]),
    }),
    legend: legendOf(layer, limit(told), values.isDiverging(layer, stage), perMap ? told : null),
  };
}

/** A channel's limit: its own, or one for all. */
function limits(limit, perMap) {
  if (perMap) return limit;
  const all = limit(null);
  return () => all;
}

/** A legend, and whose it is where every map has its own. */
function legendOf(layer, limit, isDiverging, channel) {
  const bar = legend(limit, isDiverging);
  const key = layer.isFlat ? 'legend.unit' : 'legend.map';
  return channel === null ? bar : el('div', {}, bar, el('p', { class: 'soft' }, t(key, { channel })));
}

/** One channel of values whose channels come last. */
function every(values, step, first) {
  const out = new Float32Array(values.length / step);
  for (let i = 0; i < out.length; i++) out[i] = values[first + i * step];
  return out;
}
