import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import page from '../../service/web/i18n/en.js';
import en from '../../service/web/docs/i18n/en.js';
import ko from '../../service/web/docs/i18n/ko.js';
import { buildRequest, curl, missing } from '../../service/web/docs/request.js';
import { outline, typeName } from '../../service/web/docs/schema.js';

const operation = {
  method: 'POST',
  path: '/models/{name}/infer',
  parameters: [
    { name: 'name', in: 'path', required: true },
    { name: 'top_k', in: 'query' },
    { name: 'Request-Timeout', in: 'header' },
  ],
};

test('both languages of the API page have the same texts, with the same placeholders', () => {
  assert.deepEqual(Object.keys(ko), Object.keys(en));
  const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(en)) {
    assert.deepEqual(places(ko[key]), places(en[key]), key);
    assert.ok(!(key in page), `${key} is the playground's`);
  }
});

test('parameters are put into the path, the query and the headers; those without a value are left out', () => {
  const body = { type: 'application/json', text: '{}' };
  const values = { name: 'a b', top_k: '', 'Request-Timeout': '2.5' };
  assert.deepEqual(buildRequest(operation, values, body, ''), {
    method: 'POST',
    url: 'models/a%20b/infer',
    headers: { 'Request-Timeout': '2.5', 'Content-Type': 'application/json' },
    body,
  });
  const { url, headers } = buildRequest(operation, { name: 'm', top_k: '3' }, null, 'k');
  assert.deepEqual([url, headers], ['models/m/infer?top_k=3', { Authorization: 'Bearer k' }]);
  assert.equal(missing(operation, { name: '' }), 'name');
  assert.equal(missing(operation, { name: 'm' }), undefined);
});

test('a shell reads the arguments of the curl command as they are', () => {
  const text = '{"it\'s": "$HOME `x`\\n"}';
  const command = curl(buildRequest(operation, { name: 'm' }, { type: 'application/json', text }, ''), 'http://h/');
  const script = command.replace(/^curl/, 'printf "%s\\0"');
  const shown = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
  assert.deepEqual(shown, [
    ...['-X', 'POST', 'http://h/models/m/infer', '-H', 'Content-Type: application/json'],
    ...['--data-binary', text],
  ]);
});

test('a schema is outlined with its fields, and a schema that contains itself ends', () => {
  const document = {
    components: {
      schemas: {
        Node: {
          title: 'Node',
          type: 'object',
          required: ['name'],
          properties: {
            name: { type: 'string', description: 'Its name.' },
            kind: { enum: ['a', 'b'] },
            size: { type: ['integer', 'null'] },
            children: { type: 'array', items: { $ref: '#/components/schemas/Node' } },
          },
        },
      },
    },
  };
  const node = { $ref: '#/components/schemas/Node' };
  assert.deepEqual(outline(document, { anyOf: [node, { type: 'null' }] }).split('\n'), [
    'Node | null {',
    '  // Its name.',
    '  name: string',
    '  kind?: "a" | "b"',
    '  size?: integer | null',
    '  children?: Node[]',
    '}',
  ]);
  const numbers = { type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'string', format: 'binary' }] } };
  assert.equal(typeName(document, { type: 'array', items: numbers }), '(number | bytes)[][]');
  assert.equal(typeName(document, { type: 'integer', minimum: 1 }), 'integer ≥ 1');
});
