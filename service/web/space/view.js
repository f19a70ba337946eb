// From where the camera looks at the picture.

const RADIANS = Math.PI / 180;
const ROUNDS = 4; // Moving the centre changes the perspective, so the fit is repeated.

// Degrees around the picture, 0 in front of it and 90 beside it, and above its floor. In a high window
// the flow runs up, in a wide one to the right.
export const VIEWS = {
  overview: { wide: [52, 16], high: [24, 40] },
  front: { wide: [0, 0], high: [0, 0] },
  side: { wide: [78, 4], high: [78, 4] },
  top: { wide: [90, 89.9], high: [0, 89.9] },
};

/** Return the camera's {position, target} of a view, as near as all points are in the picture.
 *
 * @param points [[x, y, z]]; `fov` the vertical angle of view, degrees; `share` of the picture that the
 *   points may fill.
 */
export function fit(points, name, { aspect, fov, share }) {
  const axes = axesOf(VIEWS[name][aspect < 1 ? 'high' : 'wide']);
  const vertical = Math.tan((fov / 2) * RADIANS) * share;
  const limits = [vertical * aspect, vertical];
  let target = [0, 1, 2].map((axis) => middle(points.map((point) => point[axis])));
  let distance = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const seen = points.map((point) => axes.map((axis) => dot(axis, subtract(point, target))));
    distance = Math.max(
      ...seen.flatMap((at) => limits.map((limit, axis) => at[2] + Math.abs(at[axis]) / limit)),
    );
    const shift = [0, 1].map((axis) => distance * middle(seen.map((at) => at[axis] / (distance - at[2]))));
    target = target.map((at, i) => at + shift[0] * axes[0][i] + shift[1] * axes[1][i]);
  }
  return { target, position: target.map((at, i) => at + distance * axes[2][i]) };
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
