import { inputsOf } from '../models/graph.js';

export const ATLAS_STAGES = ['post', 'pre'];

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

/** Group layers that follow each other by their block: [{block, layers}]. */
export function groupByBlock(layers) {
  const groups = [];
  for (const layer of layers) {
    if (groups.at(-1)?.block !== layer.block) groups.push({ block: layer.block, layers: [] });
    groups.at(-1).layers.push(layer);
  }
  return groups;
}
