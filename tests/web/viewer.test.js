import assert from 'node:assert/strict';
import { test } from 'node:test';

import en from '../../service/web/viewer/i18n/en.js';
import ko from '../../service/web/viewer/i18n/ko.js';
import { inputOf, isPlayground } from '../../service/web/models/graph.js';
import { blocksOf, nameWithin } from '../../service/web/viewer/blocks.js';
import { place, SOURCE } from '../../service/web/viewer/lanes.js';
import { layersOf, search, searchLabels } from '../../service/web/viewer/layers.js';
import { layoutOf, svgPath } from '../../service/web/viewer/layout.js';
import { manifest } from './toy.js';

const chain = { manifest: 2, input: { shape: [28, 28, 1], preparation: { name: 'digit' } } };
chain.layers = ['a', 'b'].map((name, index) => ({
  name,
  kind: index ? 'Dense' : 'Flatten',
  input_shape: [784],
  output_shape: [784],
  activation: 'linear',
  inputs: [index ? 'a' : 'input'],
  is_exact: true,
}));
const changed = (fields) => ({ ...chain, layers: [chain.layers[0], { ...chain.layers[1], ...fields }] });

test('the playground shows chains of explained layers, in manifests of both versions', () => {
  assert.ok(isPlayground(manifest));
  assert.ok(isPlayground(chain));
  assert.ok(isPlayground({ ...chain, input: { shape: [9, 9, 3], preparation: null } }));
  assert.ok(!isPlayground({ ...chain, input: { shape: [9, 9, 3], preparation: { name: 'resize' } } }));
  for (const fields of [
    { kind: 'Add' },
    { is_exact: false },
    { inputs: ['input'] },
    { inputs: ['a', 'a'] },
    { activation: 'gelu' },
    { input_shape: [4, 4, 49] },
    { kind: 'Conv2D', config: { dilation_rate: [2, 1] } },
    { kind: 'Conv2D', config: { groups: 2 } },
  ]) {
    assert.ok(!isPlayground(changed(fields)), JSON.stringify(fields));
  }
});

test('the input has its sides in manifests of both versions', () => {
  const { height, width, channels } = inputOf({ input: { shape: [5, 6, 3] } });
  assert.deepEqual([height, width, channels], [5, 6, 3]);
  assert.equal(inputOf({ input: { height: 7, width: 8, channels: 1 } }).width, 8);
});

test('layers are found by name, kind or block, and labels by any part', () => {
  const [a, b] = layersOf(changed({ block: 'end', name: 'x/b:2' }));
  assert.deepEqual(search([a, b], ' DENSE'), [b]);
  assert.deepEqual(search([a, b], 'end'), [b]);
  assert.deepEqual(search([a, b], ''), [a, b]);
  const labels = ['tiger cat', 'lynx', 'catamaran'].map((label) => ({ label }));
  assert.deepEqual(
    searchLabels(labels, ' CAT').map(({ label }) => label),
    ['catamaran', 'tiger cat'],
  );
});

// A line such as `norm BatchNormalization conv` is a layer and its inputs; without inputs, the line above.
function layers(text, block = null) {
  const lines = text.trim().split('\n');
  const parsed = lines.map((line) => line.trim().split(/ +/));
  return parsed.map(([name, kind, ...inputs], index) => ({
    name,
    kind,
    shape: [4, 4, 8],
    inputs: inputs.length ? inputs : [parsed[index - 1]?.[0] ?? 'input'],
    block,
  }));
}

const described = (blocks) =>
  blocks.map(({ name, layers: [...own] }) => `${name}: ${own.map((l) => l.name)}`);

test('a convolution, its norm and its activation are a block, and so are the layers before a dense one', () => {
  const blocks = blocksOf(
    layers(`
      conv2d_1 Conv2D
      batch_normalization BatchNormalization
      relu ReLU
      conv2d_2 Conv2D
      pool MaxPooling2D
      flatten Flatten
      dropout Dropout
      classes Dense`),
  );
  assert.deepEqual(described(blocks), [
    'conv2d_1: conv2d_1,batch_normalization,relu',
    'conv2d_2: conv2d_2',
    'pool: pool',
    'classes: flatten,dropout,classes',
  ]);
});

test('a short part with branches is a block with the activation after it', () => {
  const blocks = blocksOf(
    layers(`
      stem Conv2D
      a Conv2D stem
      side Conv2D stem
      b Conv2D a
      add Add side b
      relu ReLU
      end Conv2D`),
  );
  assert.deepEqual(described(blocks), ['stem: stem', 'a: a,b,side,add,relu', 'end: end']);
  assert.equal(blocks[1].shown.name, 'relu');
});

test('of several branches the longest comes first, whatever the order of the manifest', () => {
  const blocks = blocksOf(
    layers(`
      stem Conv2D
      side Conv2D stem
      a Conv2D stem
      b Conv2D a
      add Add side b`),
  );
  assert.deepEqual(described(blocks), ['stem: stem', 'a: a,b,side,add']);
});

test('runs whose names begin with the same number are one block; a number that all have does not count', () => {
  const text = `
    net1_stem_conv Conv2D
    net1_block1a_expand Conv2D
    net1_block1a_norm BatchNormalization
    net1_block1a_project Conv2D
    net1_block1b_expand Conv2D`;
  assert.deepEqual(described(blocksOf(layers(text))), [
    'net1_stem_conv: net1_stem_conv',
    'net1_block1a: net1_block1a_expand,net1_block1a_norm,net1_block1a_project',
    'net1_block1b_expand: net1_block1b_expand',
  ]);
  const [, block] = blocksOf(layers(text));
  assert.equal(nameWithin(block.layers[2], block), 'project');
});

test('blocks of the manifest stay as they are, also where their layers alternate with others', () => {
  const [a, b, c, d, e] = layers(`
    a Conv2D
    b Conv2D a
    c Conv2D a
    d Conv2D b
    e Add c d`);
  for (const layer of [b, d]) layer.block = 'path';
  const blocks = blocksOf([a, b, c, d, e]);
  assert.deepEqual(described(blocks).toSorted(), ['a: a', 'e: c,e', 'path: b,d']);
  const seen = new Set(['input']);
  for (const { layers: own } of blocks) {
    for (const { name, inputs } of own) {
      assert.ok(inputs.every((input) => seen.has(input)));
      seen.add(name);
    }
  }
});

const lanesOf = (nodes) => {
  const grid = place(nodes.map(([key, ...inputs]) => ({ key, inputs })));
  const at = Object.fromEntries([...grid.places].map(([key, { column, lane }]) => [key, [column, lane]]));
  return { ...grid, at };
};

test('branches are lanes that a merge joins; a link runs along its free lane', () => {
  const { at, links, lanes } = lanesOf([
    ['a', SOURCE],
    ['b', 'a'],
    ['c', 'b'],
    ['side', 'a'],
    ['add', 'c', 'side'],
  ]);
  assert.deepEqual(at, { null: [-1, 0], a: [0, 0], b: [1, 0], c: [2, 0], side: [1, 1], add: [3, 0] });
  assert.equal(lanes, 2);
  assert.deepEqual(links.find(({ from }) => from === 'side').via, { lane: 1 });
  assert.equal(links.find(({ from }) => from === 'c').via, null);
});

test('a lane that a link runs along has no node there', () => {
  const { at } = lanesOf([
    ['a', SOURCE],
    ['b', 'a'],
    ['c', 'b'],
    ['side', 'a'],
    ['add', 'c', 'side'],
    ['other', 'b'],
  ]);
  assert.deepEqual(at.other, [2, 2]);
});

test('links around nodes are arcs above the lanes, and those that overlap have levels of their own', () => {
  const { links, arcs } = lanesOf([
    ['a', SOURCE],
    ['b', 'a'],
    ['c', 'b', 'a'],
    ['d', 'c', SOURCE],
    ['e', 'd'],
    ['f', 'e', 'd'],
  ]);
  const level = (from, to) => links.find((link) => link.from === from && link.to === to).via.arc;
  assert.equal(level('a', 'c'), 0);
  assert.equal(level(SOURCE, 'd'), 1);
  assert.equal(level('d', 'f'), 0);
  assert.equal(arcs, 2);
});

test('an open block has its layers inside a box, and no tile overlaps another one', () => {
  const blocks = blocksOf(
    layers(`
      stem Conv2D
      a Conv2D stem
      b Conv2D a
      add Add stem b
      end Conv2D`),
  );
  const closed = layoutOf(blocks, new Set());
  assert.deepEqual(
    closed.tiles.map(({ name, maps }) => [name, maps]),
    [
      ['stem', 4],
      ['a', 4],
      ['end', 4],
    ],
  );
  const open = layoutOf(blocks, new Set(['a']));
  assert.ok(open.width > closed.width);
  const [box] = open.boxes;
  const inside = open.tiles.filter(({ block }) => block === blocks[1]);
  assert.deepEqual(
    inside.map(({ layer }) => layer.name),
    ['a', 'b', 'add'],
  );
  for (const { x, y, width, height } of inside) {
    assert.ok(x >= box.x && x + width <= box.x + box.width);
    assert.ok(y >= box.y && y + height <= box.y + box.height);
  }
  const [into] = open.paths.filter((path) => path.at(-1)[0] === box.x);
  const from = open.paths.filter((path) => path[0][0] === box.x);
  assert.deepEqual(new Set(from.map(([[, y]]) => y)), new Set([into.at(-1)[1]]));
  const tiles = [...open.tiles].toSorted((one, other) => one.x - other.x);
  tiles.slice(1).forEach(({ x }, index) => assert.ok(x > tiles[index].x + tiles[index].width));
  assert.ok(open.paths.flat().every(([x, y]) => x >= 0 && x <= open.width && y >= 0 && y <= open.height));
});

test('a path is level where it starts and ends', () => {
  assert.equal(svgPath([[0, 5], [10, 5], [20, 9]]), 'M0,5H10C15,5 15,9 20,9'); // prettier-ignore
});

test('both languages have the same texts with the same values', () => {
  assert.deepEqual(Object.keys(en), Object.keys(ko));
  const names = (text) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
  for (const key of Object.keys(en)) assert.deepEqual(names(en[key]), names(ko[key]), key);
});
