import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StaticApi } from '../../service/web/lib/static-api.js';

const FILES = { '/model/report': 'model/report.json', '/model/weights?format=safetensors': 'w.safetensors' };

test('a site reads the files that replace the routes', async () => {
  const asked = [];
  globalThis.fetch = async (address) => {
    asked.push(address);
    return new Response('{"accuracy": 1}');
  };
  assert.deepEqual(await new StaticApi(FILES).report(), { accuracy: 1 });
  assert.deepEqual(asked, ['model/report.json']);
});

test('what has no file is not requested: it is not in the bundle, or needs the service', async () => {
  globalThis.fetch = () => assert.fail('a request');
  const api = new StaticApi(FILES);
  await assert.rejects(api.patches(), { kind: 'not-in-bundle' });
  const image = { type: 'image/png', content: new Uint8Array() };
  for (const request of [api.preprocess(image), api.explain(image, { layer: 'a', channel: 0 }), api.top(image, 1)])
    await assert.rejects(request, { kind: 'needs-service' });
});

test('predictions wait for the page’s copy of the network', async () => {
  const api = new StaticApi(FILES);
  const predicted = api.predict({ pixels: Uint8Array.of(255, 0, 51, 0), count: 2, height: 1, width: 2, channels: 1 });
  const inputs = [];
  const classify = async (all) => {
    inputs.push(...all);
    return [Float32Array.of(0.25, 0.75), Float32Array.of(1, 0)];
  };
  api.computeWith({ network: { labels: ['a', 'b'] }, local: { classify } });
  assert.deepEqual(await predicted, {
    predictions: [
      { label: 'b', probabilities: { a: 0.25, b: 0.75 } },
      { label: 'a', probabilities: { a: 1, b: 0 } },
    ],
  });
  assert.deepEqual(inputs, [Float32Array.of(1, 0), Float32Array.of(Math.fround(0.2), 0)]);
});
