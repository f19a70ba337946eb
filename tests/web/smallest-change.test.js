import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LocalNetwork } from '../../service/web/compute/network.js';
import { smallestChange } from '../../service/web/compute/smallest-change.js';

// Three classes that each add up some of four pixels: class 0 the first, 1 the last two, 2 the second.
const layers = [
  { name: 'row', kind: 'Flatten', inputShape: [2, 2, 1], outputShape: [4], activation: 'linear' },
  { name: 'classes', kind: 'Dense', inputShape: [4], outputShape: [3], activation: 'softmax' },
];
const kernel = [3, 0, 0, 0, 0, 1, 0, 2, 0, 0, 2, 0];
const network = new LocalNetwork(layers, { 'classes/kernel': { values: Float32Array.from(kernel) } });
const pixels = Float32Array.from([1, 0, 0, 0]);
const logitsOf = (image) => [...network.logits(network.run(image))];

test('the pixels that are found give the wanted class, and none of them is superfluous', () => {
  const changes = smallestChange(network, pixels, 1);
  const changed = (left) => {
    const image = Float32Array.from(pixels);
    for (const { index, value } of left) image[index] = value;
    return logitsOf(image);
  };
  const leads = (logits) => logits[1] > Math.max(logits[0], logits[2]);
  assert.ok(leads(changed(changes)));
  for (const change of changes) assert.ok(!leads(changed(changes.filter((other) => other !== change))));
  assert.deepEqual(logitsOf(pixels), [3, 0, 0]); // the image itself is not changed
});

test('an image of the wanted class needs no change', () => {
  assert.deepEqual(smallestChange(network, pixels, 0), []);
});

test('a class that no pixels lead to has no change', () => {
  const blind = new LocalNetwork(layers, { 'classes/kernel': { values: new Float32Array(12) } });
  assert.equal(smallestChange(blind, pixels, 2), null);
});
