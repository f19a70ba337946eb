// From where the camera looks at the picture.

const RADIANS = Math.PI / 180;
const ROUNDS = 4; // Moving the centre changes the perspective, so the fit is repeated.

// Degrees around the picture, 0 in front of it and 90 beside it, and above its floor. In a high window
// the flow runs up, in a wide one to the right.
export const VIEWS = {
  overview: { wide: [54, 16], high: [14, 42] },
  front: { wide: [0, 0], high: [0, 0] },
  side: { wide: [78, 4], high: [78, 4] },
  top: { wide: [90, 89.9], high: [0, 89.9] },
};

/** Return the camera's {position, target} of a view, as near as all points and labels are in the picture.
 *
 * @param points [[x, y, z]]; @param labelled those that have a label on their right.
 * @param picture {width, height, fov: the vertical angle of view in degrees, margin, label: the width of a
 *   label}; in CSS pixels.
 */
export function fit(points, labelled, name, { width, height, fov, margin, label }) {
  const axes = axesOf(VIEWS[name][width < height ? 'high' : 'wide']);
  const scale = (2 * Math.tan((fov / 2) * RADIANS)) / height; // of a pixel, at distance 1
  const limits = [width, height].map((size) => (size / 2 - margin) * scale);
  const all = [...points.map((point) => [point, 0]), ...labelled.map((point) => [point, label * scale])];
  let target = [0, 1, 2].map((axis) => middle(points.map((point) => point[axis])));
  for (let round = 0; ; round++) {
    const seen = all.map(([point, beside]) => {
      const [right, up, back] = axes.map((axis) => dot(axis, subtract(point, target)));
      return { right, up, back, beside };
    });
    const distance = Math.max(
      ...seen.map(({ right, up, back, beside }) => {
        const free = right > 0 ? limits[0] - beside : limits[0];
        return back + Math.max(Math.abs(right) / free, Math.abs(up) / limits[1]);
      }),
    );
    if (round === ROUNDS) return { target, position: target.map((at, i) => at + distance * axes[2][i]) };
    const lefts = seen.map(({ right, back }) => right / (distance - back));
    const rights = seen.map(({ beside }, i) => lefts[i] + beside);
    const ups = seen.map(({ up, back }) => up / (distance - back));
    const [right, up] = [middle([...lefts, ...rights]), middle(ups)].map((shift) => shift * distance);
    target = target.map((at, i) => at + right * axes[0][i] + up * axes[1][i]);
  }
}

/** Return the camera's axes: to the right, up, and backwards. */
function axesOf([around, above]) {
  const [sin, cos] = [Math.sin(around * RADIANS), Math.cos(around * RADIANS)];
  const [up, flat] = [Math.sin(above * RADIANS), Math.cos(above * RADIANS)];
  return [
    [cos, 0, -sin],
    [-up * sin, flat, -up * cos],
    [sin * flat, up, cos * flat],
  ];
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const subtract = (a, b) => a.map((value, axis) => value - b[axis]);
const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
