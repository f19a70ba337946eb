// Connected components and boxes. An image is {values, width, height}; the values of a mask are 0 and 1.

/** Label the 8-connected components of a mask.
 *
 * @returns {labels: Int32Array, the number of each pixel's component, −1 in the background;
 *   parts: [{area, top, left, bottom, right}], bottom and right exclusive, by their first pixel}.
 */
export function findComponents({ values, width, height }) {
  const labels = new Int32Array(values.length).fill(-1);
  const pending = new Int32Array(values.length);
  const parts = [];
  for (let start = 0; start < values.length; start++) {
    if (!values[start] || labels[start] >= 0) continue;
    const part = { area: 0, top: height, left: width, bottom: 0, right: 0 };
    labels[start] = parts.length;
    pending[0] = start;
    for (let count = 1; count > 0;) {
      const at = pending[--count];
      const y = Math.floor(at / width);
      const x = at - y * width;
      extend(part, x, y);
      for (let row = Math.max(y - 1, 0); row <= y + 1 && row < height; row++) {
        for (let column = Math.max(x - 1, 0); column <= x + 1 && column < width; column++) {
          const next = row * width + column;
          if (!values[next] || labels[next] >= 0) continue;
          labels[next] = parts.length;
          pending[count++] = next;
        }
      }
    }
    parts.push(part);
  }
  return { labels, parts };
}

function extend(part, x, y) {
  part.area++;
  part.top = Math.min(part.top, y);
  part.left = Math.min(part.left, x);
  part.bottom = Math.max(part.bottom, y + 1);
  part.right = Math.max(part.right, x + 1);
}

/** Return the smallest box {top, left, bottom, right} around the values above a threshold; null where there
 * are none.
 */
export function boundingBox({ values, width, height }, threshold) {
  const box = { area: 0, top: height, left: width, bottom: 0, right: 0 };
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (values[at] > threshold) extend(box, x, y);
    }
  }
  return box.area ? box : null;
}

/** Return the values in a box, as {values, width, height}. */
export function crop({ values, width }, { top, left, bottom, right }) {
  const part = { width: right - left, height: bottom - top };
  part.values = new values.constructor(part.width * part.height);
  for (let y = top; y < bottom; y++) {
    part.values.set(values.subarray(y * width + left, y * width + right), (y - top) * part.width);
  }
  return part;
}
