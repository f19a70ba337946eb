import {
  DataTexture,
  DoubleSide,
  FrontSide,
  LinearFilter,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  NearestFilter,
} from '../vendor/three.js';
import { grey, pixel } from '../lib/colours.js';
import { intensity } from '../models/pixels.js';
import { corners, lines, Quads } from './geometry.js';
import { cellAt, rectangle, texels, textureSize } from './layout.js';

const GLASS = 0.22; // the opacity of a cell that is 0
const PAPER = 0.94; // the opacity of the input's cells
// The faces of a box: which axis is constant, at which side, and how light it is.
const FACES = [
  [2, 1, 1],
  [2, -1, 0.72],
  [1, 1, 0.93],
  [1, -1, 0.6],
  [0, 1, 0.82],
  [0, -1, 0.82],
];

/** A layer in the 3-D picture: one mesh whose texture has a texel for each cell. */
export class Block {
  #place; // as layoutOf has it
  #texels;
  #pixels;
  #texture;
  #edges = null;

  constructor(place) {
    this.#place = place;
    this.#texels = texels(place);
    const [width, height] = textureSize(place);
    this.#pixels = new Uint32Array(width * height);
    this.#texture = new DataTexture(new Uint8Array(this.#pixels.buffer), width, height);
    this.#texture.magFilter = NearestFilter;
    this.#texture.minFilter = LinearFilter;
    const material = new MeshBasicMaterial({
      map: this.#texture,
      transparent: true,
      side: place.isFlat ? FrontSide : DoubleSide,
      vertexColors: true,
      depthWrite: place.isFlat,
    });
    this.mesh = new Mesh(place.isFlat ? boxes(place) : planes(place), material);
    this.mesh.userData.block = this;
    if (!place.isFlat) {
      const line = new LineBasicMaterial({ transparent: true, opacity: 0.4 });
      this.#edges = new LineSegments(edges(place), line);
      this.mesh.add(this.#edges);
    }
  }

  get z() {
    return this.#place.z;
  }

  /** Draw this block before the blocks of a higher number. */
  set order(order) {
    this.mesh.renderOrder = order;
    if (this.#edges) this.#edges.renderOrder = order + 0.1;
  }

  /** Colour the cells, in place; without values they are empty glass. */
  colour({ values, digit }) {
    const { layer } = this.#place;
    if (!layer) this.#fill(digit?.pixels, (byte) => withOpacity(grey(intensity(byte)), PAPER));
    else {
      const limit = values?.limit(layer, 'post');
      this.#fill(values?.of(layer, 'post'), (value) => {
        const share = Math.min(Math.abs(value) / limit, 1);
        return withOpacity(pixel(value, limit), GLASS + (1 - GLASS) * Math.cbrt(share));
      });
    }
    this.#texture.needsUpdate = true;
  }

  setLineColour(colour) {
    this.#edges?.material.color.set(colour);
  }

  cellAt({ x, y }) {
    return cellAt(this.#place, x, y);
  }

  dispose() {
    this.#texture.dispose();
    for (const { geometry, material } of [this.mesh, ...this.mesh.children]) {
      geometry.dispose();
      material.dispose();
    }
  }

  #fill(values, colour) {
    for (let i = 0; i < this.#texels.length; i++) this.#pixels[this.#texels[i]] = colour(values?.[i] ?? 0);
  }
}

const withOpacity = (colour, opacity) => ((colour & 0xffffff) | (Math.round(255 * opacity) << 24)) >>> 0;

/** Return one rectangle per channel, with the texture coordinates of its tile. */
function planes(place) {
  const quads = new Quads();
  for (let channel = 0; channel < place.count; channel++) {
    const [u, v] = [channel % place.across, Math.floor(channel / place.across)];
    quads.add(
      corners(rectangle(place, channel), place.z),
      [1, 1, 1],
      [u / place.across, v / place.down, (u + 1) / place.across, (v + 1) / place.down],
    );
  }
  return quads.geometry();
}

/** Return one box per unit, all of whose faces have the unit's texel. */
function boxes(place) {
  const quads = new Quads();
  for (let channel = 0; channel < place.count; channel++) {
    const { left, top, width, height } = rectangle(place, channel);
    const middle = [left + width / 2, top - height / 2, place.z];
    const u = ((channel % place.across) + 0.5) / place.across;
    const v = (Math.floor(channel / place.across) + 0.5) / place.down;
    for (const [axis, side, light] of FACES) {
      quads.add(face(middle, place.cell / 2, axis, side), [light, light, light], [u, v, u, v]);
    }
  }
  return quads.geometry();
}

/** Return a face's corners, anticlockwise as seen from outside. */
function face(middle, half, axis, side) {
  const [a, b] = [(axis + 1) % 3, (axis + 2) % 3];
  const round = [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ];
  return (side > 0 ? round : round.reverse()).map(([first, second]) => {
    const corner = [...middle];
    corner[axis] += side * half;
    corner[a] += first * half;
    corner[b] += second * half;
    return corner;
  });
}

/** Return the outlines of all tiles. */
function edges(place) {
  const points = [];
  for (let channel = 0; channel < place.count; channel++) {
    const round = corners(rectangle(place, channel), place.z);
    round.forEach((corner, i) => points.push(corner, round[(i + 1) % 4]));
  }
  return lines(points);
}
