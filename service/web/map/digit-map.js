import { readMetadata, readSafetensors } from '../lib/safetensors.js';

const EXTENT = 65535; // the largest coordinate
const LAST_BYTE = 255;
const OUTLIERS = 0.01; // the share of the digits with the largest outlier scores
const CLOSEST = 1e-3; // a smaller distance counts as this one, so that a weight is finite

/** The test digits with their features, their places and what the model answers; a row for each. */
export class DigitMap {
  #features;
  #lows;
  #scales;
  #positions;
  #ranked; // outlier scores, ascending

  /** @param buffer the bundle's file, as GET /model/map returns it. */
  constructor(buffer) {
    const { features, lows, scales, positions, labels, predicted, confidences, ...rest } =
      readSafetensors(buffer);
    const { layer, neighbours, chunk } = readMetadata(buffer);
    [this.count, this.units] = features.shape;
    this.layer = layer;
    this.neighbourCount = Number(neighbours);
    this.chunk = Number(chunk);
    this.#features = features.values;
    this.#lows = lows.values;
    this.#scales = scales.values;
    this.#positions = positions.values;
    this.labels = labels.values;
    this.predicted = predicted.values;
    this.confidences = confidences.values;
    this.outlierScores = rest.outlier_scores.values;
    this.thumbnails = rest.thumbnails.values;
    this.#ranked = this.outlierScores.toSorted();
    this.outlierLimit = this.#ranked[Math.ceil((1 - OUTLIERS) * (this.count - 1))];
  }

  /** Return a digit's place, 0–1 from the left and from the top. */
  place(row) {
    return [this.#positions[2 * row] / EXTENT, this.#positions[2 * row + 1] / EXTENT];
  }

  isMistake = (row) => this.labels[row] !== this.predicted[row];
  isOutlier = (row) => this.outlierScores[row] >= this.outlierLimit;

  /** Return the rows of a filter, `all`, `mistakes` or `outliers`, and of a class; null for all classes.
   * A mistake belongs to its true class. Mistakes have the surest first, outliers the furthest.
   */
  rows(filter, label = null) {
    const isIn = { all: () => true, mistakes: this.isMistake, outliers: this.isOutlier }[filter];
    const rows = [];
    for (let row = 0; row < this.count; row++) {
      if (isIn(row) && (label === null || this.labels[row] === label)) rows.push(row);
    }
    const order = { mistakes: this.confidences, outliers: this.outlierScores }[filter];
    return order ? rows.sort((a, b) => order[b] - order[a]) : rows;
  }

  /** Quantise values of the layer as the features are. */
  quantise(values) {
    return Uint8Array.from(values, (value, unit) => {
      const step = Math.round((value - this.#lows[unit]) / this.#scales[unit]);
      return Math.min(Math.max(step, 0), LAST_BYTE);
    });
  }

  /** Return a digit's features, uint8. */
  features(row) {
    return this.#features.subarray(row * this.units, (row + 1) * this.units);
  }

  /** Return the digits whose features are nearest to others, nearest first: {row, distance}.
   *
   * @param except a row to leave out: the digit itself.
   */
  neighbours(features, except = null) {
    const squared = new Float64Array(this.count);
    for (let row = 0, at = 0; row < this.count; row++) {
      let total = 0;
      for (let unit = 0; unit < this.units; unit++, at++) {
        const difference = (this.#features[at] - features[unit]) * this.#scales[unit];
        total += difference * difference;
      }
      squared[row] = total;
    }
    if (except !== null) squared[except] = Infinity;
    const nearest = [];
    for (let row = 0; row < this.count; row++) {
      if (nearest.length === this.neighbourCount && squared[row] >= squared[nearest.at(-1)]) continue;
      if (nearest.length === this.neighbourCount) nearest.pop();
      const before = nearest.findLastIndex((other) => squared[other] <= squared[row]);
      nearest.splice(before + 1, 0, row);
    }
    return nearest.map((row) => ({ row, distance: Math.sqrt(squared[row]) }));
  }

  /** Return the mean place of neighbours, each weighted by 1 / distance. */
  meanPlace(neighbours) {
    let [x, y, total] = [0, 0, 0];
    for (const { row, distance } of neighbours) {
      const weight = 1 / Math.max(distance, CLOSEST);
      const [left, top] = this.place(row);
      [x, y, total] = [x + weight * left, y + weight * top, total + weight];
    }
    return [x / total, y / total];
  }

  /** Return the share of the test digits whose outlier score is below another. */
  shareBelow(score) {
    return (this.#ranked.findLastIndex((other) => other < score) + 1) / this.count;
  }

  /** Return the middle of each class: the medians of its digits' coordinates. */
  centres(classes) {
    return Array.from({ length: classes }, (_, label) => {
      const rows = this.rows('all', label);
      const median = (axis) => rows.map((row) => this.place(row)[axis]).sort((a, b) => a - b)[rows.length >> 1];
      return [median(0), median(1)];
    });
  }
}

export const outlierScore = (neighbours) =>
  neighbours.reduce((total, { distance }) => total + distance, 0) / neighbours.length;
