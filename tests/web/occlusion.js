// Computes occlusion maps as the page does.
//
// node occlusion.js BUNDLE IMAGES: prints the maps of a file of images, bytes, one after the other.

import fs from 'node:fs';
import path from 'node:path';

import { LocalNetwork } from '../../service/web/compute/network.js';
import { occlude } from '../../service/web/compute/occlusion.js';
import { readSafetensors } from '../../service/web/lib/safetensors.js';
import { Network } from '../../service/web/models/network.js';

const [bundle, file] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(bundle, name));

const network = new Network(JSON.parse(read('manifest.json')));
const layers = network.layers.map((layer) => ({ ...layer, kind: layer.kind.name }));
const computer = new LocalNetwork(layers, readSafetensors(new Uint8Array(read('weights.safetensors')).buffer));
const local = { classify: async (inputs) => inputs.map((pixels) => computer.outputs(computer.run(pixels))) };
const images = new Uint8Array(fs.readFileSync(file));
const { height, width, channels } = network.input;
const size = height * width * channels;
const maps = [];
for (let first = 0; first < images.length; first += size) {
  const pixels = images.subarray(first, first + size);
  maps.push((await occlude({ pixels, height, width, channels }, [], { network, local })).occlusion);
}
process.stdout.write(JSON.stringify(maps));
