import {
  ColorManagement,
  LinearSRGBColorSpace,
  OrbitControls,
  PerspectiveCamera,
  Raycaster,
  Scene,
  Vector2,
  Vector3,
  WebGLRenderer,
} from '../vendor/three.js';
import { theme } from '../lib/dom.js';
import { Block } from './block.js';
import { Flow } from './flow.js';
import { Labels } from './labels.js';
import { cornersOf, layoutOf } from './layout.js';
import { Marks } from './marks.js';
import { fit } from './view.js';

const FIELD_OF_VIEW = 18; // degrees
const MARGIN = 40; // around the layers in a view, CSS pixels
const CLASS_LABEL = 80; // the width of a class's label, CSS pixels
const PIXEL_RATIO = 2; // at most, because more cannot be seen
const TURN = Math.PI / 24; // per key press
const ZOOM = 0.9;

ColorManagement.enabled = false; // Colours are drawn as they are given, like those of the canvases in 2-D.

/** The network in 3-D; it is drawn only when something has changed. */
export class Picture {
  #canvas;
  #renderer;
  #scene = new Scene();
  #camera = new PerspectiveCamera(FIELD_OF_VIEW, 1, 0.1, 1000);
  #controls;
  #places;
  #blocks;
  #flows;
  #marks;
  #labels;
  #view = 'overview'; // null once the user has moved the camera
  #size = { width: 1, height: 1 };
  #frame = null;

  /** @param context of WebGL 2 of the canvas; @param overlay the element of the labels, of the same size. */
  constructor(canvas, context, overlay, network) {
    this.#canvas = canvas;
    this.#renderer = new WebGLRenderer({ canvas, context });
    this.#renderer.outputColorSpace = LinearSRGBColorSpace;
    this.#renderer.setPixelRatio(Math.min(window.devicePixelRatio, PIXEL_RATIO));
    this.#places = layoutOf(network);
    this.#blocks = this.#places.map((place) => new Block(place));
    this.#flows = this.#places.slice(1).map((place, i) => new Flow(network, this.#places[i], place));
    this.#marks = new Marks(network, this.#places);
    this.#labels = new Labels(overlay, network, this.#places);
    this.#scene.add(...this.#blocks.map(({ mesh }) => mesh), ...this.#flows.map(({ lines }) => lines));
    this.#scene.add(this.#marks.mesh);
    this.#controls = new OrbitControls(this.#camera, canvas);
    this.#controls.enableDamping = !matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.#controls.zoomToCursor = true;
    this.#controls.addEventListener('change', () => this.request());
    this.#controls.addEventListener('start', () => (this.#view = null));
  }

  /** Colour the cells. */
  colour(state) {
    for (const block of this.#blocks) block.colour(state);
    this.#labels.draw(state);
    this.request();
  }

  /** Draw the lines, and the outlines of the selected cell. */
  link(state) {
    for (const flow of this.#flows) flow.draw(state);
    for (const block of this.#blocks) block.setLineColour(theme('--soft'));
    this.#marks.draw(state.cell, theme('--mark'));
    this.request();
  }

  resize(width, height) {
    this.#size = { width, height };
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    this.#camera.updateProjectionMatrix();
    if (this.#view) this.look(this.#view);
    this.request();
  }

  /** Move the camera to one of VIEWS. */
  look(name) {
    this.#view = name;
    const classes = this.#places.filter(({ isClasses }) => isClasses).flatMap(cornersOf);
    const picture = { ...this.#size, fov: FIELD_OF_VIEW, margin: MARGIN, label: CLASS_LABEL };
    const { position, target } = fit(this.#places.flatMap(cornersOf), classes, name, picture);
    this.#camera.position.set(...position);
    this.#controls.target.set(...target);
    this.#controls.update();
    this.request();
  }

  /** Rotate or zoom by a key; return whether it is one of the picture's keys. */
  key(key) {
    const controls = this.#controls;
    const actions = {
      ArrowLeft: () => controls.rotateLeft(TURN),
      ArrowRight: () => controls.rotateLeft(-TURN),
      ArrowUp: () => controls.rotateUp(TURN),
      ArrowDown: () => controls.rotateUp(-TURN),
      '+': () => controls.dollyIn(ZOOM),
      '=': () => controls.dollyIn(ZOOM), // the key of + without Shift
      '-': () => controls.dollyOut(ZOOM),
    };
    if (!Object.hasOwn(actions, key)) return false;
    this.#view = null;
    actions[key]();
    controls.update();
    this.request();
    return true;
  }

  /** Return the nearest cell at a point of the window; null where there is none. */
  cellAt({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const point = new Vector2(((clientX - left) / width) * 2 - 1, 1 - ((clientY - top) / height) * 2);
    const ray = new Raycaster();
    ray.setFromCamera(point, this.#camera);
    const [hit] = ray.intersectObjects(this.#blocks.map(({ mesh }) => mesh), false);
    return hit ? hit.object.userData.block.cellAt(hit.uv) : null;
  }

  /** Draw in the next frame. */
  request() {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  /** Free the graphics memory and the context. */
  close() {
    cancelAnimationFrame(this.#frame);
    this.#controls.dispose();
    for (const part of [...this.#blocks, ...this.#flows, this.#marks]) part.dispose();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
  }

  #draw() {
    this.#frame = null;
    this.#controls.update(); // With damping this changes the camera, and requests the next frame.
    const { z } = this.#camera.position;
    // All parts are parallel to each other, so the order of their depths is right from everywhere.
    for (const part of [...this.#blocks, ...this.#flows]) part.order = -Math.abs(part.z - z);
    this.#renderer.render(this.#scene, this.#camera);
    this.#labels.place((place) => this.#project(place));
  }

  /** Return where a place is in the picture; null behind the camera or behind the input, which is opaque. */
  #project(place) {
    const { x, y, z } = new Vector3(...place).project(this.#camera);
    if (z > 1 || this.#isBehindInput(place)) return null;
    return { x: ((x + 1) / 2) * this.#size.width, y: ((1 - y) / 2) * this.#size.height };
  }

  #isBehindInput(place) {
    const from = this.#camera.position.toArray();
    if (from[2] <= 0 || place[2] >= 0) return false;
    const share = from[2] / (from[2] - place[2]); // of the way to the place, where it crosses z = 0
    const [x, y] = from.map((at, axis) => Math.abs(at + share * (place[axis] - at)));
    return x < this.#places[0].width / 2 && y < this.#places[0].height / 2;
  }
}
