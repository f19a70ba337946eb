import { BufferAttribute, BufferGeometry } from '../vendor/three.js';

const attribute = (values, size) => new BufferAttribute(Float32Array.from(values), size);

/** Return a rectangle's corners, from the top left one anticlockwise. */
export function corners({ left, top, width, height }, z) {
  const [right, bottom] = [left + width, top - height];
  return [
    [left, top, z],
    [left, bottom, z],
    [right, bottom, z],
    [right, top, z],
  ];
}

/** Return lines between each two of the points, with a colour [r, g, b, opacity] for each point or none. */
export function lines(points, colours = null) {
  const geometry = new BufferGeometry().setAttribute('position', attribute(points.flat(), 3));
  return colours ? geometry.setAttribute('color', attribute(colours.flat(), 4)) : geometry;
}

/** Quadrangles with colours and texture coordinates, as one geometry. */
export class Quads {
  #positions = [];
  #colours = [];
  #coordinates = [];
  #index = [];

  /** @param round four corners, from the top left one anticlockwise.
   * @param colour [r, g, b]; @param texture [left, top, right, bottom].
   */
  add(round, colour, texture = [0, 0, 1, 1]) {
    const [left, top, right, bottom] = texture;
    const first = this.#positions.length / 3;
    this.#positions.push(...round.flat());
    for (let i = 0; i < 4; i++) this.#colours.push(...colour);
    this.#coordinates.push(left, top, left, bottom, right, bottom, right, top);
    this.#index.push(...[0, 1, 2, 0, 2, 3].map((corner) => first + corner));
  }

  geometry() {
    return new BufferGeometry()
      .setAttribute('position', attribute(this.#positions, 3))
      .setAttribute('color', attribute(this.#colours, 3))
      .setAttribute('uv', attribute(this.#coordinates, 2))
      .setIndex(this.#index);
  }
}
