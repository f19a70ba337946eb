// Runs the page's network on files that test_compute.py writes, and writes its values beside them.
//
// node compute.js FOLDER: reads manifest.json, weights.safetensors, pixels.f32 and changes.json (a list
// of changes for each image), writes values.f32: for each image the values of every layer, before and
// after its activation function, one after the other; gradients.f32; and explanations.json, of one cell
// of each image in cells.json, if there is that file.

import fs from 'node:fs';
import path from 'node:path';

import { explainCell } from '../../service/web/compute/explain.js';
import { Edits } from '../../service/web/compute/edits.js';
import { LocalNetwork } from '../../service/web/compute/network.js';
import { readSafetensors } from '../../service/web/lib/safetensors.js';
import { Values } from '../../service/web/models/values.js';
import { Weights } from '../../service/web/models/weights.js';
import { Network } from '../../service/web/models/network.js';

const folder = process.argv[2];
const bytes = (name) => new Uint8Array(fs.readFileSync(path.join(folder, name))).buffer;
const json = (name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));

const whole = new Network(json('manifest.json'));
const { layers, input } = whole;
const tensors = readSafetensors(bytes('weights.safetensors'));
const network = new LocalNetwork(
  layers.map((layer) => ({ ...layer, kind: layer.kind.name })),
  tensors,
);
const pixels = new Float32Array(bytes('pixels.f32'));
const size = input.height * input.width * input.channels;
const values = [];
const gradients = [];
const explanations = [];
const cells = fs.existsSync(path.join(folder, 'cells.json')) ? json('cells.json') : [];
json('changes.json').forEach((changes, i) => {
  const image = pixels.subarray(i * size, (i + 1) * size);
  const edits = new Edits(changes);
  const result = network.run(image, edits);
  for (const { name } of layers) values.push(result[`${name}/pre`], result[name]);
  if (cells[i]) explanations.push(explain(cells[i], image, result));
  const factors = network.logits(result).map((_, index) => Number(index === i % layers.at(-1).channels));
  gradients.push(Float32Array.from(network.gradient(image, result, factors, edits)));
});
fs.writeFileSync(path.join(folder, 'explanations.json'), JSON.stringify(explanations));

function explain(cell, image, result) {
  const named = Object.fromEntries(Object.entries(result).map(([name, array]) => [name, { values: array }]));
  const digit = { ...input, pixels: Uint8Array.from(image, (value) => Math.round(255 * value)) };
  const context = { network: whole, values: new Values(whole, named), digit, weights: new Weights(tensors) };
  return explainCell(cell, context);
}

const write = (name, arrays) =>
  fs.writeFileSync(path.join(folder, name), Buffer.concat(arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))));
write('values.f32', values);
write('gradients.f32', gradients);
