import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import page from '../../service/web/i18n/en.js';
import pageInKorean from '../../service/web/i18n/ko.js';
import { exhibitHash, routeOf } from '../../service/web/models/route.js';
import { Values } from '../../service/web/models/values.js';
import { convolve, mapOf } from '../../service/web/lab/arithmetic.js';
import { EXHIBITS } from '../../service/web/lab/exhibits.js';
import { layoutOf } from '../../service/web/lab/flow-layout.js';
import enExhibits from '../../service/web/lab/i18n/en.js';
import enReading from '../../service/web/lab/i18n/en-reading.js';
import koExhibits from '../../service/web/lab/i18n/ko.js';
import koReading from '../../service/web/lab/i18n/ko-reading.js';
import { digitMap } from '../../service/web/lab/network-parts.js';
import { noisy, rootMeanSquaredError } from '../../service/web/lab/noise.js';
import * as presets from '../../service/web/lab/presets.js';
import { allShifts, cosineSimilarity, transform } from '../../service/web/lab/transform.js';
import { linksTo } from '../../service/web/models/links.js';
import { Weights } from '../../service/web/models/weights.js';
import { network } from './toy.js';

const en = { ...enExhibits, ...enReading };
const ko = { ...koExhibits, ...koReading };
const LAB = new URL('../../service/web/lab/', import.meta.url);

test('both languages have the same texts, with the same placeholders', () => {
  assert.deepEqual(Object.keys(ko).sort(), Object.keys(en).sort());
  const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(en)) {
    assert.deepEqual(places(ko[key]), places(en[key]), key);
    assert.ok(!(key in page), `${key} is the playground's`);
  }
});

test('no Korean particle follows a value, because its form depends on the last sound of the value', () => {
  const unsure = /\}[”"]?(이|가|은|는|을|를|과|와|로|으로)(?![가-힣])/;
  for (const [key, text] of Object.entries({ ...pageInKorean, ...ko }))
    assert.doesNotMatch(text, unsure, key);
});

test('every text that the lab names exists, and the lab names every text', () => {
  const sources = ['.', 'exhibits']
    .flatMap((folder) => readdirSync(new URL(`${folder}/`, LAB)).map((name) => `${folder}/${name}`))
    .filter((path) => path.endsWith('.js'))
    .map((path) => readFileSync(new URL(path, LAB), 'utf8'))
    .join('\n');
  const named = [...sources.matchAll(/['"`](lab\.[\w.${}[\]+ ]+)['"`]/g)]
    .map(([, key]) => key)
    .filter((key) => !/\.(css|js)$/.test(key));
  const patterns = named.map(
    (key) => new RegExp(`^${key.replace(/\./g, '\\.').replace(/\$\{.*?\}/g, '[\\w.]+')}$`),
  );
  const keys = Object.keys(en);
  assert.deepEqual(
    named.filter((_, i) => !keys.some((key) => patterns[i].test(key))),
    [],
  );
  assert.deepEqual(
    keys.filter((key) => !patterns.some((pattern) => pattern.test(key))),
    [],
  );
});

test('each exhibit has a description of two sentences', () => {
  for (const name of Object.keys(EXHIBITS)) {
    for (const texts of [en, ko]) {
      const sentences = texts[`lab.${name}.text`].match(/[^.?!]+[.?!](?=\s|$)/g);
      assert.equal(sentences.length, 2, texts[`lab.${name}.text`]);
      assert.ok(texts[`lab.${name}.title`] && texts[`lab.${name}.part`]);
    }
  }
});

test('each exhibit has one sentence of context and a link to read on', () => {
  for (const name of Object.keys(EXHIBITS)) {
    for (const texts of [en, ko]) {
      assert.match(texts[`lab.${name}.context`], /^[^.?!]+[.?!]$/u, name);
      assert.match(texts[`lab.${name}.url`], /^https:\/\/[^\s]+$/);
      assert.ok(texts[`lab.${name}.link`]);
    }
  }
});

test('each setting in the manifest and the report has a name in both languages', () => {
  const bundle = new URL('../../models/mnist/1/', import.meta.url);
  const [manifest, report] = ['manifest.json', 'report.json'].map((file) =>
    JSON.parse(readFileSync(new URL(file, bundle))),
  );
  for (const key of [...Object.keys(manifest.training), ...Object.keys(report.lecture.training)])
    for (const texts of [en, ko]) assert.ok(texts[`lab.setting.${key}`], key);
  for (const recipe of [manifest.training.recipe, report.lecture.training.recipe])
    assert.ok(en[`lab.recipe.${recipe}`], recipe);
});

test('an address is parsed to a view, an exhibit and its state, and formatted from them', () => {
  assert.equal(routeOf('#sample=3&layer=conv2d').view, 'playground');
  assert.deepEqual([routeOf('#lab').view, routeOf('#lab').exhibit], ['lab', null]);
  assert.equal(routeOf('#model&lang=ko').exhibit, 'model');
  const hash = exhibitHash('stride', { size: 7, kernel: '1,2' }, 'ko');
  const { view, exhibit, params } = routeOf(hash);
  assert.deepEqual([view, exhibit], ['lab', 'stride']);
  assert.deepEqual(Object.fromEntries(params), { size: '7', kernel: '1,2', lang: 'ko' });
  assert.ok(exhibitHash('model', {}, 'en').startsWith('#model&'));
});

const digit = { pixels: Uint8Array.from({ length: 30 }, (_, i) => i * 8), height: 6, width: 5, channels: 1 };

test('a shift keeps the values of the pixels', () => {
  assert.deepEqual(transform(digit, {}).pixels, digit.pixels);
  const { pixels } = transform(digit, { right: 1, down: -2 });
  for (let y = 0; y < 6; y++) {
    for (let x = 0; x < 5; x++) {
      const inside = y + 2 < 6 && x - 1 >= 0;
      assert.equal(pixels[y * 5 + x], inside ? digit.pixels[(y + 2) * 5 + x - 1] : 0);
    }
  }
});

test('a rotation by 180° reverses the pixels, and a scale of 2 enlarges the middle', () => {
  const rotated = transform(digit, { angle: 180 }).pixels;
  assert.deepEqual([...rotated].reverse(), [...digit.pixels]);
  const square = { pixels: Uint8Array.of(0, 0, 0, 0, 255, 0, 0, 0, 0), height: 3, width: 3, channels: 1 };
  assert.deepEqual([...transform(square, { scale: 2 }).pixels], [64, 128, 64, 128, 255, 128, 64, 128, 64]);
});

test('a digit is rotated clockwise', () => {
  const square = { pixels: Uint8Array.of(0, 9, 0, 0, 0, 0, 0, 0, 0), height: 3, width: 3, channels: 1 };
  assert.deepEqual([...transform(square, { angle: 90 }).pixels], [0, 0, 0, 0, 0, 9, 0, 0, 0]);
});

test('all shifts are one batch, with the original digit in the middle', () => {
  const { pixels, count } = allShifts(digit, 2);
  assert.equal(count, 25);
  assert.deepEqual(pixels.slice(12 * 30, 13 * 30), digit.pixels);
  assert.deepEqual(pixels.slice(13 * 30, 14 * 30), transform(digit, { right: 1 }).pixels);
  assert.deepEqual(pixels.slice(0, 30), transform(digit, { right: -2, down: -2 }).pixels);
});

test('a convolution of a shifted input is the shifted convolution, exactly', () => {
  const kernel = mapOf([
    [1, -2],
    [3, 0.5],
  ]);
  const mapOfDigit = (input) => convolve(digitMap(input), kernel);
  const [original, moved] = [mapOfDigit(digit), mapOfDigit(transform(digit, { right: 1, down: 1 }))];
  const layer = { ...original, channels: 1, index: ({ row, column }) => row * original.columns + column };
  assert.ok(Math.abs(cosineSimilarity(layer, original.values, moved.values, [1, 1]) - 1) < 1e-12);
  assert.ok(cosineSimilarity(layer, original.values, moved.values) < 0.99);
  const zeros = new Float64Array(original.values.length);
  assert.ok(Number.isNaN(cosineSimilarity(layer, original.values, zeros)));
});

test('noise is the same for the same seed, and has the requested deviation', () => {
  const flat = { rows: 100, columns: 100, values: new Float64Array(10_000) };
  const once = noisy(flat, 0.5, 3);
  assert.deepEqual(noisy(flat, 0.5, 3), once);
  assert.notDeepEqual(noisy(flat, 0.5, 4).values, once.values);
  assert.ok(Math.abs(rootMeanSquaredError(flat, once) - 0.5) < 0.02);
  assert.equal(rootMeanSquaredError(flat, flat), 0);
});

test('without a digit its map is empty', () => {
  const { rows, columns, values } = digitMap(null, { height: 6, width: 5, channels: 1 });
  assert.deepEqual([rows, columns], [6, 5]);
  assert.ok(values.every((value) => value === 0));
});

test('the lines between layers are contributions to the strongest cell, without the padding', () => {
  const [conv, pool, , dense] = network.layers;
  const random = (length, from) => Float32Array.from({ length }, (_, i) => Math.sin(from + i * 1.7));
  const pixels = Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256);
  const tensors = {
    'edges/kernel': { values: random(54, 1) },
    'classes/kernel': { values: random(36, 2) },
  };
  const values = new Values(network, {
    'edges/pre': { values: random(90, 3) },
    'less/pre': { values: random(18, 4) },
    'row/pre': { values: random(18, 5) },
    'classes/pre': { values: random(2, 6) },
    probabilities: { values: Float32Array.of(0.25, 0.75) },
  });
  const context = { network, values, digit: { pixels, height: 6, width: 5, channels: 2 }, weights: new Weights(tensors) };
  for (const { from, to, amount } of linksTo(conv, context)) {
    const { row, column } = values.strongest(conv, to);
    let expected = 0;
    for (let r = 0; r < 3; r++) {
      for (let c = 0; c < 3; c++) {
        const [y, x] = [row + r - 1, column + c - 1];
        if (y < 0 || x < 0 || y > 5 || x > 4) continue;
        expected +=
          (pixels[(y * 5 + x) * 2 + from] / 255) *
          tensors['edges/kernel'].values[((r * 3 + c) * 2 + from) * 3 + to];
      }
    }
    assert.ok(Math.abs(amount - expected) < 1e-6);
  }
  for (const { from, to, amount } of linksTo(dense, context)) {
    const expected = values.of(network.layers[2])[from] * tensors['classes/kernel'].values[from * 2 + to];
    assert.ok(Math.abs(amount - expected) < 1e-6);
  }
  assert.ok(linksTo(pool, context).every(({ from, to }) => from === to));
  assert.ok(linksTo(network.layers[2], context).every(({ from, to }) => from === to % 3));
});

test('the layers are laid out in columns where they fit, else in bands, and never beyond the width', () => {
  const layers = [
    { count: 1, rows: 28, columns: 28 },
    { count: 32, rows: 26, columns: 26 },
    { count: 64, rows: 11, columns: 11 },
    { count: 10, rows: 1, columns: 1 },
  ];
  for (const width of [1100, 340]) {
    const { places, ...whole } = layoutOf(layers, { width, hasLabels: true });
    assert.equal(whole.isVertical, width === 340);
    assert.ok(whole.width <= width);
    for (const { x, y, width: across, height } of places) {
      assert.ok(x >= 0 && y >= 0 && x + across <= whole.width && y + height <= whole.height);
    }
  }
});

test('the presets are the lecture’s', () => {
  const { PICTURE, CROSS, KERNELS, STRIDES } = presets;
  assert.deepEqual([...convolve(mapOf(PICTURE), mapOf(CROSS)).values], [4, 3, 4, 2, 4, 3, 2, 3, 4]);
  const sums = Object.fromEntries(Object.entries(KERNELS).map(([name, lines]) => [name, lines.flat()]));
  const total = (name) => sums[name].reduce((a, b) => a + b, 0);
  for (const name of ['up', 'down', 'diagonal']) assert.equal(total(name), 0, name); // nothing on a flat area
  for (const name of ['sharpen', 'emboss', 'identity']) assert.equal(total(name), 1, name); // the same brightness
  assert.ok(Math.abs(total('blur') - 1) < 1e-12);
  assert.deepEqual(
    sums.down,
    sums.up.map((weight) => 0 - weight),
  );
  assert.equal(STRIDES.filter(({ slip }) => slip).length, 2);
});
