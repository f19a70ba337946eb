import { Color, DoubleSide, Mesh, MeshBasicMaterial } from '../vendor/three.js';
import { corners, Quads } from './geometry.js';
import { rectangle } from './layout.js';

const LINE = 0.07;
const BORDER = 0.04; // in white on both sides of a line, so that it can be seen on any colour
const FRONT = 1000; // drawn after everything else

/** The outlines of the selected cell and of what it reads of the layer before. */
export class Marks {
  #network;
  #places; // by layer name

  constructor(network, places) {
    this.#network = network;
    this.#places = Object.fromEntries(places.map((place) => [place.name, place]));
    const material = new MeshBasicMaterial({
      vertexColors: true,
      transparent: true,
      depthTest: false,
      side: DoubleSide,
    });
    this.mesh = new Mesh(new Quads().geometry(), material);
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = FRONT;
  }

  draw(cell, colour) {
    const rectangles = [];
    for (const [name, { channel, region }] of Object.entries(this.#network.focus(cell) ?? {})) {
      const place = this.#places[name];
      const all = channel === null ? Array.from({ length: place.count }, (_, i) => i) : [channel];
      // Without a region a cell reads a whole layer; one outline per unit would hide them.
      if (channel === null && !region) continue;
      rectangles.push(...all.map((each) => [rectangle(place, each, region), place.z]));
    }
    const quads = new Quads();
    const line = new Color(colour).toArray();
    for (const [rect, z] of rectangles) frame(quads, rect, z, [1, 1, 1], -BORDER, LINE + 2 * BORDER);
    for (const [rect, z] of rectangles) frame(quads, rect, z, line, 0, LINE);
    this.mesh.geometry.dispose();
    this.mesh.geometry = quads.geometry();
  }

  dispose() {
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
  }
}

/** Add the four sides of a frame that begins at a distance from a rectangle. */
function frame(quads, { left, top, width, height }, z, colour, distance, line) {
  const outer = {
    left: left - distance - line,
    top: top + distance + line,
    width: width + 2 * (distance + line),
    height: height + 2 * (distance + line),
  };
  const right = outer.left + outer.width - line;
  const bottom = outer.top - outer.height + line;
  const side = { top: outer.top, width: line, height: outer.height };
  const sides = [
    { ...outer, height: line },
    { ...outer, top: bottom, height: line },
    { ...side, left: outer.left },
    { ...side, left: right },
  ];
  for (const each of sides) quads.add(corners(each, z), colour);
}
