/** Shift a digit (whole pixels), rotate it about its centre (degrees, clockwise) and scale it, with
 * bilinear interpolation and 0 beyond its edges. A shift alone keeps the values of the pixels.
 */
export function transform(
  { pixels, height, width, channels },
  { right = 0, down = 0, angle = 0, scale = 1 },
) {
  const out = new Uint8Array(pixels.length);
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180) / scale, Math.sin((angle * Math.PI) / 180) / scale];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dy, dx] = [y - down - middleY, x - right - middleX];
      const from = { y: middleY + cos * dy - sin * dx, x: middleX + cos * dx + sin * dy };
      for (let channel = 0; channel < channels; channel++) {
        const at = (y * width + x) * channels + channel;
        out[at] = Math.round(sample({ pixels, height, width, channels }, from, channel));
      }
    }
  }
  return { pixels: out, height, width, channels };
}

function sample({ pixels, height, width, channels }, { y, x }, channel) {
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const at = (row, column) =>
    row < 0 || column < 0 || row >= height || column >= width
      ? 0
      : pixels[(row * width + column) * channels + channel];
  const [v, u] = [y - top, x - left];
  const upper = at(top, left) * (1 - u) + (u && at(top, left + 1) * u);
  const lower = v && at(top + 1, left) * (1 - u) + (u && at(top + 1, left + 1) * u);
  return upper * (1 - v) + lower * v;
}

/** Return one batch of the digit in all shifts up to `reach` pixels each way, row by row. */
export function allShifts(digit, reach) {
  const side = 2 * reach + 1;
  const size = digit.pixels.length;
  const pixels = new Uint8Array(side * side * size);
  for (let i = 0; i < side * side; i++) {
    const shift = { down: Math.floor(i / side) - reach, right: (i % side) - reach };
    pixels.set(transform(digit, shift).pixels, i * size);
  }
  return { ...digit, pixels, count: side * side };
}

/** Return the cosine similarity of two values of a layer: 1 where they are equal up to a factor.
 *
 * @param step [rows, columns] that the second is shifted by; cells without a counterpart are left out.
 */
export function cosineSimilarity(layer, a, b, [down, right] = [0, 0]) {
  let [dot, ofA, ofB] = [0, 0, 0];
  for (let row = Math.max(down, 0); row < layer.rows + Math.min(down, 0); row++) {
    for (let column = Math.max(right, 0); column < layer.columns + Math.min(right, 0); column++) {
      for (let channel = 0; channel < layer.channels; channel++) {
        const before = a[layer.index({ row: row - down, column: column - right, channel })];
        const after = b[layer.index({ row, column, channel })];
        dot += before * after;
        ofA += before * before;
        ofB += after * after;
      }
    }
  }
  return ofA && ofB ? dot / Math.sqrt(ofA * ofB) : NaN;
}
