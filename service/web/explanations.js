// The second part of the playground, loaded when the page is idle: what explains its first picture, and
// the network's copy in the page.

import { explainCell } from './compute/explain.js';
import { Local } from './compute/local.js';
import { pathBelow } from './models/path.js';
import * as segments from './models/segments.js';
import { Weights } from './models/weights.js';
import { Camera } from './parts/camera.js';
import { Digit } from './parts/digit.js';
import { Digits } from './parts/digits.js';
import { Evidence } from './parts/evidence.js';
import { Inspector } from './parts/inspector.js';
import { Links } from './parts/links.js';
import { Patches } from './parts/patches.js';
import { PopOver } from './parts/pop-over.js';
import { Removed } from './parts/removed.js';
import { Share } from './parts/share.js';
import { SpaceButton } from './parts/space-button.js';
import { Tour } from './parts/tour.js';
import { WhatIf } from './parts/what-if.js';
import { prepareDrawing } from './prepare/prepare.js';

const $ = (id) => document.getElementById(id);

/** Build the parts; return the functions that the menu and the tools call. */
export function build({ api, network, store, sheets, trail, requests, columns, embedded }) {
  const local = new Local({
    api,
    network,
    onWeights: (tensors) => {
      store.set({ weights: new Weights(tensors) });
      const ready = local.isReady ? local : null;
      requests.computeWith({ local: ready, prepareDrawing, explainCell, pathBelow, segments });
    },
  });
  new Digit($('digit'), { store, network });
  new Digits($('digits'), { store });
  new Removed($('removed'), { api, store });
  new Links($('columns'), { store, network, columns });
  new PopOver($('columns'), { store, network, columns, select: (cell) => trail.go(cell) });
  new Inspector($('inspector'), { store, network, trail });
  new Patches($('inspector'), { api, store });
  new Evidence($('evidence'), { store, network, local });
  new WhatIf($('what-if'), { store, network, local });
  new SpaceButton($('space'), { store, network, select: (cell) => trail.go(cell) });
  columns.loadKernelsWith(local);
  local.loadWhenIdle();
  const tour = new Tour($('offer'), { store, network, trail, sheets, embedded });
  const share = new Share({ api, store, columns: $('columns') });
  const camera = new Camera({ sheets });
  return { startTour: tour.start, share: () => share.open(), openCamera: () => camera.open() };
}
