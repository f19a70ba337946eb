import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Api, Problem } from '../../service/web/lib/api.js';
import { css, gradient, textColour } from '../../service/web/lib/colours.js';
import { hasText, LANGUAGES, loadLanguage, preferred, setLanguage, t } from '../../service/web/lib/i18n.js';
import { Latest } from '../../service/web/lib/latest.js';
import { encodeNpy } from '../../service/web/lib/npy.js';
import { exact, percent, short } from '../../service/web/lib/numbers.js';
import { decodeGrey, encodeGrey } from '../../service/web/lib/png.js';
import { readMetadata, readSafetensors } from '../../service/web/lib/safetensors.js';
import en from '../../service/web/i18n/en.js';
import ko from '../../service/web/i18n/ko.js';

const later = (ms = 1) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

test('both languages have the same texts, with the same placeholders', () => {
  assert.deepEqual(Object.keys(ko).sort(), Object.keys(en).sort());
  const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en))
    assert.deepEqual([...new Set(places(ko[key]))], [...new Set(places(en[key]))], key);
});

test('every text that the page names exists', async () => {
  const root = new URL('../../service/web/', import.meta.url);
  const parts = await readdir(new URL('parts/', root));
  const names = ['main.js', 'index.html', 'models/naming.js', ...parts.map((name) => `parts/${name}`)];
  for (const name of names) {
    const text = await readFile(new URL(name, root), 'utf8');
    for (const [, key] of text.matchAll(/(?:\bt\(|data-t(?:-label)?=|'data-t': )['"]([a-z][\w.-]*)['"]/g)) {
      assert.ok(key in en, `${name}: ${key}`);
    }
  }
});

test('the language follows the browser, and English is the default', async () => {
  assert.equal(preferred(['fr-FR', 'ko-KR', 'en']), 'ko');
  assert.equal(preferred(['fr']), 'en');
  await loadLanguage('ko');
  setLanguage('ko');
  assert.equal(t('cell.class', { label: 7 }), '클래스 7');
  assert.ok(hasText('kind.Conv2D') && !hasText('kind.Other'));
  setLanguage(LANGUAGES[0]);
  assert.throws(() => t('no.such.text'), RangeError);
});

test('0 is near-white, the limits are the darkest orange and blue, as is any value beyond them', () => {
  assert.equal(css(0, 1), 'rgb(247 247 247)');
  assert.equal(css(2, 2), 'rgb(127 59 8)');
  assert.equal(css(-2, 2), 'rgb(5 48 97)');
  assert.equal(css(9, 2), css(2, 2));
  assert.equal(css(0.2, 1), 'rgb(254 224 182)'); // a stop of service/model/sheets.py
  assert.equal(textColour(0, 1), '#000');
  assert.equal(textColour(-1, 1), '#fff');
  assert.ok(gradient(false).includes('rgb(247 247 247), rgb(254 224 182)'));
});

test('a float32 is formatted with the fewest digits that no other float32 has', () => {
  assert.equal(exact(Math.fround(0.1)), '0.1');
  assert.equal(exact(Math.fround(-0.0316)), '−0.0316');
  assert.equal(Math.fround(Number(exact(Math.fround(1 / 3)))), Math.fround(1 / 3));
  assert.equal(exact(0.1), '0.1'); // a float64 keeps all of its digits
  assert.equal(exact(0), '0');
});

test('short numbers have four significant digits; only 1 is 100.00 % and only 0 is 0.00 %', () => {
  assert.deepEqual([0, 12.346, -0.5, 1234567, 0.0000123456, 64, 1 / 3, 12345, 99999.9].map(short), [
    '0',
    '12.35',
    '−0.5',
    '1.235e+6',
    '1.235e−5',
    '64',
    '0.3333',
    '12345',
    '1e+5',
  ]);
  assert.deepEqual([1, 0.99999, 0.5, 0.000001, 0].map(percent), [
    '100.00 %',
    '> 99.99 %',
    '50.00 %',
    '< 0.01 %',
    '0.00 %',
  ]);
});

test('a grey PNG decodes to the pixels that were encoded', async () => {
  const pixels = Uint8Array.from({ length: 12 }, (_, i) => i * 20);
  const png = await encodeGrey(pixels, 4, 3);
  assert.deepEqual(await decodeGrey(png.buffer), { width: 4, height: 3, pixels, texts: {} });
});

test('the sprite has a digit for each label', async () => {
  const root = new URL('../../service/web/', import.meta.url);
  const file = await readFile(new URL('samples.png', root));
  const { labels, size } = JSON.parse(await readFile(new URL('samples.json', root), 'utf8'));
  const { width, height, pixels } = await decodeGrey(
    file.buffer.slice(file.byteOffset, file.byteOffset + file.length),
  );
  assert.deepEqual([width, height], [size[1], size[0] * labels.length]);
  for (let i = 0; i < labels.length; i++) {
    const digit = pixels.subarray(i * 784, (i + 1) * 784);
    assert.ok(Math.max(...digit) >= 254, `sample ${i}`);
  }
});

test('an .npy file is aligned, has the shape in its header, and ends with the pixels', () => {
  const bytes = encodeNpy(Uint8Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3]);
  const size = 10 + new DataView(bytes.buffer).getUint16(8, true);
  assert.equal(size % 64, 0);
  assert.match(
    new TextDecoder().decode(bytes.subarray(10, size)),
    /'descr': '\|u1'.*'shape': \(1, 2, 3,\).*\n$/,
  );
  assert.deepEqual([...bytes.subarray(size)], [1, 2, 3, 4, 5, 6]);
});

/** Create a safetensors file with a header and its data. */
const safetensors = (header, data) => {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(data.buffer), 8 + text.length);
  return bytes.buffer;
};

test('safetensors are parsed with a header of any size, and rejected unless their type is known', () => {
  for (const note of ['', 'x', 'xx', 'xxx']) {
    const header = { __metadata__: { note }, a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    assert.deepEqual(readSafetensors(safetensors(header, Float32Array.of(1, -2))).a, {
      shape: [2],
      values: Float32Array.of(1, -2),
    });
  }
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00); // from numpy.float16
  const half = { a: { dtype: 'F16', shape: [6], data_offsets: [0, 12] } };
  const { values } = readSafetensors(safetensors(half, halves)).a;
  assert.deepEqual([...values], [1, -2, 65504, 2 ** -24, -0, Infinity]);
  const bytes = { __metadata__: { layer: 'x' }, a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } };
  const words = { a: { dtype: 'U16', shape: [2], data_offsets: [0, 4] } };
  const data = Uint8Array.of(1, 2, 3, 4);
  assert.deepEqual(readSafetensors(safetensors(bytes, data)).a.values, data);
  assert.deepEqual(readSafetensors(safetensors(words, data)).a.values, Uint16Array.of(513, 1027));
  const metadata = [bytes, words].map((header) => readMetadata(safetensors(header, data)));
  assert.deepEqual(metadata, [{ layer: 'x' }, {}]);
  const unknown = { a: { dtype: 'I16', shape: [1], data_offsets: [0, 2] } };
  assert.throws(() => readSafetensors(safetensors(unknown, new Uint8Array(2))), TypeError);
});

test('of many inputs the first and the last are processed, one after the other', async () => {
  const done = [];
  const latest = new Latest(async (input) => {
    await later();
    done.push(input);
  });
  await Promise.all([1, 2, 3, 4, 5].map((input) => latest.submit(input)));
  await later(10);
  assert.deepEqual(done, [1, 5]);
});

test('a task that fails does not stop the next', async () => {
  const done = [];
  const latest = new Latest(async (input) => {
    if (input === 1) throw new Error('no');
    done.push(input);
  });
  await assert.rejects(latest.submit(1));
  await latest.submit(2);
  assert.deepEqual(done, [2]);
});

test('at most two requests run at once, and all get a response', async () => {
  let [running, most] = [0, 0];
  globalThis.fetch = async () => {
    most = Math.max(most, ++running);
    await later(2);
    running--;
    return new Response('{}');
  };
  const api = new Api('tiny');
  await Promise.all(Array.from({ length: 7 }, () => api.models()));
  assert.equal(most, 2);
});

test('requests name the model, and a problem has the kind and the detail of the response', async () => {
  let requested;
  globalThis.fetch = async (url) => {
    requested = url;
    return new Response(JSON.stringify({ type: 'urn:convscope:problem:nothing-drawn', detail: 'Draw.' }), {
      status: 422,
    });
  };
  const digit = { pixels: new Uint8Array(4), height: 2, width: 2, channels: 1 };
  const failing = new Api('tiny').explain(digit, { layer: 'a', channel: 1 });
  await assert.rejects(
    failing,
    (problem) =>
      problem instanceof Problem && problem.kind === 'nothing-drawn' && problem.message === 'Draw.',
  );
  assert.equal(requested, '/explain?layer=a&channel=1&model=tiny');
});
