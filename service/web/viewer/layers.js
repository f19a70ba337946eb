import { inputsOf } from '../models/graph.js';

export const ATLAS_STAGES = ['post', 'pre'];
export const ORDERS = ['strongest', 'channel'];

/** Return the layers of a manifest, as the view needs them. */
export function layersOf(manifest) {
  return manifest.layers.map((layer, index) => ({
    name: layer.name,
    kind: layer.kind,
    shape: layer.output_shape,
    parameters: layer.parameters,
    inputs: inputsOf(manifest, index),
    block: layer.block ?? null,
    hasOwnPre: layer.pre !== layer.post,
  }));
}

/** Whether a layer's values are maps or units, which an atlas shows. */
export const isDrawable = ({ shape }) => shape.length === 1 || shape.length === 3;

/** Return the layers whose name, kind or block contains a text, in upper or lower case. */
export function search(layers, text) {
  const wanted = text.trim().toLowerCase();
  return layers.filter(({ name, kind, block }) =>
    [name, kind, block ?? ''].some((word) => word.toLowerCase().includes(wanted)),
  );
}

/** Return the labels, [{label, …}], that contain a text, those that begin with it first. */
export function searchLabels(labels, text) {
  const wanted = text.trim().toLowerCase();
  const found = labels.filter(({ label }) => label.toLowerCase().includes(wanted));
  const begins = ({ label }) => Number(label.toLowerCase().startsWith(wanted));
  return found.toSorted((a, b) => begins(b) - begins(a));
}
