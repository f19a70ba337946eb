// Rasterises and prepares drawings that test_prepare.py writes, and writes the results beside them.
//
// node prepare.js FOLDER: reads strokes.json, a list of drawings; writes rasters.u8, digits.u8 (0 where
// nothing is drawn) and outcomes.json, a list of "certain", "uncertain" and "nothing".

import fs from 'node:fs';
import path from 'node:path';

import { rasterise } from '../../service/web/models/strokes.js';
import { DIGIT_SIZE, prepareDrawing } from '../../service/web/prepare/prepare.js';

const folder = process.argv[2];
const drawings = JSON.parse(fs.readFileSync(path.join(folder, 'strokes.json'), 'utf8'));
const rasters = drawings.map(rasterise);
const results = rasters.map(prepareDrawing);
const outcomeOf = (result) => (result ? (result.isUncertain ? 'uncertain' : 'certain') : 'nothing');
const blank = new Uint8Array(DIGIT_SIZE * DIGIT_SIZE);
const write = (name, content) => fs.writeFileSync(path.join(folder, name), content);
write('rasters.u8', Buffer.concat(rasters.map(({ pixels }) => pixels)));
write('digits.u8', Buffer.concat(results.map((result) => result?.digit ?? blank)));
write('outcomes.json', JSON.stringify(results.map(outcomeOf)));
