import { packed } from '../lib/colours.js';
import { sharpContext, theme } from '../lib/dom.js';
import { clamp } from '../lib/math.js';

const THUMBNAIL_SCALE = 9; // from this scale on, thumbnails are drawn
const THUMBNAIL = 2.8; // pixels of a thumbnail at scale 1
const [SMALLEST_THUMBNAIL, LARGEST_THUMBNAIL] = [24, 72];
const [POINT, LARGEST_POINT] = [1.7, 6]; // radii in pixels: at scale 1, and at most

/** Draws the map: the points or thumbnails, and above them the rings, which change with the pointer. */
export class Painter {
  #map;
  #thumbnails;
  #viewport;
  #centres;

  constructor({ map, thumbnails, viewport, classes }) {
    this.#map = map;
    this.#thumbnails = thumbnails;
    this.#viewport = viewport;
    this.#centres = map.centres(classes);
  }

  /** Half of what a digit takes on the canvas, in pixels. */
  get reach() {
    return this.#hasThumbnails ? this.#thumbnailSize / 2 : this.#radius;
  }

  /** Draw all digits; those that are not shown are grey.
   *
   * @param shown by row, 1 or 0.
   * @param onLoad is called once thumbnails are loaded that were missing.
   */
  drawDigits(canvas, shown, onLoad) {
    const context = sharpContext(canvas, this.#viewport.width, this.#viewport.height);
    context.imageSmoothingEnabled = true;
    const colours = this.#centres.map((_, label) => theme(`--class-${label}`));
    const visible = this.#visible();
    this.#drawPoints(context, visible, shown, colours, onLoad);
    for (const row of visible) if (shown[row]) this.#drawMark(context, row, colours);
    if (!this.#hasThumbnails) this.#drawLabels(context);
  }

  /** Draw rings around digits, and the place of the drawing; null for none. */
  drawRings(canvas, { neighbours, selected, current, drawing }) {
    const context = sharpContext(canvas, this.#viewport.width, this.#viewport.height);
    const size = this.reach + (this.#hasThumbnails ? 0 : 2);
    for (const row of neighbours) ring(context, ...this.#pixelsOf(row), size, theme('--accent'), 2);
    if (selected !== null) ring(context, ...this.#pixelsOf(selected), size + 4, theme('--mark'), 3);
    if (current !== null) ring(context, ...this.#pixelsOf(current), size + 2, theme('--ink'), 2);
    if (drawing) drawDiamond(context, ...this.#viewport.toPixels(drawing));
  }

  #pixelsOf(row) {
    return this.#viewport.toPixels(this.#map.place(row));
  }

  get #hasThumbnails() {
    return this.#viewport.scale >= THUMBNAIL_SCALE;
  }

  get #thumbnailSize() {
    return clamp(THUMBNAIL * this.#viewport.scale, SMALLEST_THUMBNAIL, LARGEST_THUMBNAIL);
  }

  get #radius() {
    return clamp(POINT * Math.sqrt(this.#viewport.scale), POINT, LARGEST_POINT);
  }

  /** Return the rows on the canvas, and up to a thumbnail beyond it. */
  #visible() {
    const { width, height } = this.#viewport;
    const margin = LARGEST_THUMBNAIL;
    const rows = [];
    for (let row = 0; row < this.#map.count; row++) {
      const [x, y] = this.#pixelsOf(row);
      if (x > -margin && x < width + margin && y > -margin && y < height + margin) rows.push(row);
    }
    return rows;
  }

  #drawPoints(context, visible, shown, colours, onLoad) {
    const pixels = colours.map(packed);
    const points = colours.map(() => []); // by class
    const others = [];
    for (const row of visible) {
      if (!shown[row]) others.push(row);
      else if (!this.#hasThumbnails || !this.#drawThumbnail(context, row, pixels, onLoad)) {
        points[this.#map.labels[row]].push(row);
      }
    }
    this.#stamp(context, others, theme('--inactive'));
    points.forEach((rows, label) => this.#stamp(context, rows, colours[label]));
  }

  /** Draw a point at each row: copies of one picture, because a path of many arcs takes long to fill. */
  #stamp(context, rows, colour) {
    const radius = this.#radius;
    const side = 2 * Math.ceil(radius) + 2;
    const stamp = document.createElement('canvas');
    const drawing = sharpContext(stamp, side, side);
    drawing.fillStyle = colour;
    drawing.arc(side / 2, side / 2, radius, 0, 2 * Math.PI);
    drawing.fill();
    for (const row of rows) {
      const [x, y] = this.#pixelsOf(row);
      context.drawImage(stamp, x - side / 2, y - side / 2, side, side);
    }
  }

  #drawThumbnail(context, row, pixels, onLoad) {
    const [x, y] = this.#pixelsOf(row);
    return this.#thumbnails.draw(context, row, x, y, this.#thumbnailSize, pixels, onLoad);
  }

  /** Mark a mistake with a cross, and an outlier with a ring. */
  #drawMark(context, row, colours) {
    const isMistake = this.#map.isMistake(row);
    if (!isMistake && !this.#map.isOutlier(row)) return;
    const [x, y] = this.#pixelsOf(row);
    const size = this.reach + (this.#hasThumbnails ? 0 : 2.5);
    for (const [colour, line] of [
      [theme('--card'), 4.5],
      [isMistake ? theme('--ink') : colours[this.#map.labels[row]], 1.8],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      if (!isMistake) context.arc(x, y, size, 0, 2 * Math.PI);
      else if (this.#hasThumbnails) cross(context, x + size - 5, y - size + 5, 4.5);
      else cross(context, x, y, size);
      context.stroke();
    }
  }

  #drawLabels(context) {
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.font = '700 24px system-ui, sans-serif';
    this.#centres.forEach((centre, label) => {
      const [x, y] = this.#viewport.toPixels(centre);
      context.lineWidth = 5;
      context.strokeStyle = theme('--card');
      context.strokeText(label, x, y);
      context.fillStyle = theme('--ink');
      context.fillText(label, x, y);
    });
  }
}

function cross(context, x, y, size) {
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
}

function ring(context, x, y, radius, colour, line) {
  context.strokeStyle = colour;
  context.lineWidth = line;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

/** Draw the mark of the drawing. */
function drawDiamond(context, x, y) {
  const size = 10;
  context.beginPath();
  for (const [right, down] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) context.lineTo(x + size * right, y + size * down); // prettier-ignore
  context.closePath();
  context.lineWidth = 5;
  context.strokeStyle = theme('--card');
  context.stroke();
  context.fillStyle = theme('--mark');
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = theme('--ink');
  context.stroke();
}
