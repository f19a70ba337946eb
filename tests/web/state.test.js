import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromHash, toHash } from '../../service/web/models/link.js';
import { randomDigit, shrink } from '../../service/web/models/pixels.js';
import { EMPTY, Sheets } from '../../service/web/models/sheet.js';
import { Store } from '../../service/web/models/store.js';
import { decodeStrokes, encodeStrokes, DRAWING_SIZE, rasterise } from '../../service/web/models/strokes.js';
import { asCell, sameCell, Trail } from '../../service/web/models/trail.js';
import { network } from './toy.js';

test('a link holds strokes exactly; an invalid text is an empty sheet', () => {
  const strokes = [
    {
      brush: 20,
      points: [
        [0, 0],
        [255, 128],
        [3, 4],
      ],
    },
    { brush: 14, points: [[7, 9]] },
  ];
  assert.deepEqual(decodeStrokes(encodeStrokes(strokes)), strokes);
  for (const broken of ['%%%', 'AAAA', encodeStrokes(strokes).slice(0, -3)])
    assert.deepEqual(decodeStrokes(broken), []);
});

test('strokes become black on white, as wide as the brush, cut off at the edge', () => {
  const { pixels } = rasterise([
    {
      brush: 20,
      points: [
        [50, 100],
        [150, 100],
      ],
    },
  ]);
  const at = (x, y) => pixels[y * DRAWING_SIZE + x];
  assert.deepEqual([at(100, 100), at(100, 109), at(100, 112), at(30, 100)], [0, 0, 255, 255]);
  assert.equal(
    rasterise([
      {
        brush: 20,
        points: [
          [0, 0],
          [255, 255],
        ],
      },
    ]).pixels[0],
    0,
  );
  assert.ok(rasterise([]).pixels.every((value) => value === 255));
});

test('noise is the same for the same seed; a drawing is averaged into every channel', () => {
  const input = { height: 12, width: 10, channels: 3 };
  assert.deepEqual(randomDigit(input, 5), randomDigit(input, 5));
  assert.notDeepEqual(randomDigit(input, 5).pixels, randomDigit(input, 6).pixels);
  const { pixels } = shrink({ pixels: new Uint8Array(DRAWING_SIZE * DRAWING_SIZE) }, input);
  assert.ok(pixels.length === 360 && pixels.every((value) => value === 255));
});

test('a link holds the whole state; its invalid parts are left out', () => {
  const states = [
    {
      sheet: { kind: 'sample', index: 3 },
      cell: { layer: 'edges', channel: 1, row: 0, column: 2 },
      isChosen: true,
      lang: 'ko',
      stage: 'pre',
      scale: 'map',
    },
    {
      sheet: { kind: 'random', seed: 12 },
      cell: { layer: 'classes', channel: 1 },
      isChosen: true,
      lang: 'en',
      stage: 'post',
      scale: 'layer',
    },
    {
      sheet: { kind: 'array', pixels: Uint8Array.from({ length: 60 }, (_, i) => i) },
      cell: null,
      isChosen: false,
      lang: 'en',
      stage: 'weights',
      scale: 'layer',
    },
    {
      sheet: {
        kind: 'strokes',
        strokes: [
          {
            brush: 20,
            points: [
              [1, 2],
              [9, 9],
            ],
          },
        ],
      },
      cell: null,
      isChosen: false,
      lang: 'en',
      stage: 'post',
      scale: 'layer',
    },
  ];
  for (const state of states) {
    const digit = state.sheet.pixels ? { pixels: state.sheet.pixels } : null;
    const back = { stage: 'post', scale: 'layer', ...fromHash(`#${toHash({ ...state, digit })}`, network) };
    assert.deepEqual(back, state);
  }
  assert.deepEqual(fromHash('#sample=x&layer=edges&channel=99&row=0&column=0&stage=no', network), {
    sheet: EMPTY,
    cell: null,
    isChosen: false,
  });
});

test('a link holds the changes to the network; those of other networks are left out', () => {
  const changes = [
    { kind: 'silence', layer: 'edges', channel: 2 },
    { kind: 'scale', layer: 'less', factor: 0.5 },
    { kind: 'weight', layer: 'classes', index: 7, value: -1.25 },
    { kind: 'bias', layer: 'edges', channel: 0, value: 3 },
    { kind: 'pixel', index: 12, value: 1 },
  ];
  const hash = toHash({ sheet: EMPTY, lang: 'en', stage: 'post', scale: 'layer', changes });
  assert.deepEqual(fromHash(`#${hash}`, network).changes, changes);
  assert.deepEqual(fromHash('#changes=silence:other:1:~pixel:edges:3:1~grow:edges:1:2~bias:edges:x:1', network).changes, []);
});

test('every step on the paper can be undone, a clear too; an empty sheet is not cleared twice', () => {
  const store = new Store({ sheet: EMPTY });
  const sheets = new Sheets(store);
  sheets.begin([10, 10], 20);
  sheets.extend([10, 11]); // too near to be added
  sheets.extend([40, 10]);
  sheets.begin([80, 80], 20);
  assert.deepEqual(
    store.state.sheet.strokes.map(({ points }) => points.length),
    [2, 1],
  );
  sheets.put(EMPTY);
  sheets.put(EMPTY);
  sheets.undo();
  assert.equal(store.state.sheet.strokes.length, 2);
  sheets.undo();
  sheets.undo();
  assert.deepEqual([store.state.sheet, sheets.canUndo], [EMPTY, false]);
});

test('a stroke is extended only while no other sheet has replaced its own', () => {
  const store = new Store({ sheet: EMPTY });
  const sheets = new Sheets(store);
  const replaceWith = (change) => {
    sheets.begin([80, 80], 20);
    sheets.extend([90, 80]);
    change();
    const { sheet } = store.state;
    assert.equal(sheets.isBeingDrawn, false);
    sheets.extend([200, 200]);
    assert.equal(store.state.sheet, sheet);
  };
  sheets.extend([1, 1]); // before any stroke began
  replaceWith(() => sheets.undo()); // by an empty sheet
  sheets.begin([10, 10], 20);
  replaceWith(() => sheets.undo()); // by an older stroke
  replaceWith(() => sheets.put({ kind: 'sample', index: 0 }));
});

test('a store notifies only the listeners of keys that changed, until they end', () => {
  const store = new Store({ a: 1, b: 1 });
  const calls = [];
  const end = store.watch(['a'], ({ a }) => calls.push(a));
  store.watch(['a'], ({ a }) => calls.push(-a));
  store.set({ b: 2 });
  store.set({ a: 1 });
  store.set({ a: 3 });
  end();
  store.set({ a: 4 });
  assert.deepEqual(calls, [1, -1, 3, -3, -4]);
});

test('going back undoes the steps that were followed; a new selection begins a new trail', () => {
  const store = new Store({ cell: null, trail: [] });
  const trail = new Trail(store);
  const [a, b, c] = [0, 1, 2].map((channel) => ({ layer: 'row', channel }));
  trail.go(a);
  trail.go(b, { follow: true });
  trail.go(c, { follow: true });
  trail.back();
  assert.deepEqual([store.state.cell, store.state.trail], [b, [a]]);
  trail.go(c);
  assert.deepEqual(store.state.trail, []);
});

test('cells are the same whether rows are left out or null', () => {
  assert.ok(sameCell({ layer: 'row', channel: 1 }, { layer: 'row', channel: 1, row: null, column: null }));
  assert.deepEqual(asCell({ layer: 'row', channel: 1, row: null, column: null }), {
    layer: 'row',
    channel: 1,
  });
});
