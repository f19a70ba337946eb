import { LocalNetwork } from '../compute/network.js';
import { readMetadata, readSafetensors } from '../lib/safetensors.js';

/** The snapshots of a training: the network and the map of the test digits at each of them. */
export class Snapshots {
  #layers;
  #tensors;
  #networks = [];

  /** @param buffer the file of GET /model/snapshots: each weight has a first axis for the snapshots.
   *  @param layers as a LocalNetwork takes them.
   */
  constructor(buffer, layers) {
    const { map, labels, ...weights } = readSafetensors(buffer);
    /** Of each snapshot {step, epoch, images, accuracy, loss}. */
    this.entries = JSON.parse(readMetadata(buffer).snapshots);
    /** The class of each digit on the map. */
    this.labels = labels.values;
    this.#layers = layers;
    this.#tensors = { ...weights, map };
  }

  /** The names of the layers that have weights. */
  get trained() {
    return this.#layers.map(({ name }) => name).filter((name) => `${name}/kernel` in this.#tensors);
  }

  /** Return the network with the weights of a snapshot. */
  network(index) {
    this.#networks[index] ??= new LocalNetwork(this.#layers, this.#weights(index));
    return this.#networks[index];
  }

  /** Return a weight of a snapshot, such as "conv2d/kernel". */
  weight(name, index) {
    const { values } = this.#tensors[name];
    const size = values.length / this.entries.length;
    return values.subarray(index * size, (index + 1) * size);
  }

  /** Return the largest magnitude of a weight in all snapshots. */
  limit(name) {
    return this.#tensors[name].values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }

  /** Return the positions of the digits on a snapshot's map: x, y, x, y, … from 0 to 65,535. */
  map(index) {
    return this.weight('map', index);
  }

  /** Return how much a layer changed since the snapshot before, as a share of its size then. */
  change(layer, index) {
    const [size, difference] = this.#names(layer).reduce(
      ([all, changed], name) => {
        const before = this.weight(name, index - 1);
        return [all + squares(before), changed + distance(before, this.weight(name, index))];
      },
      [0, 0],
    );
    return Math.sqrt(difference / size);
  }

  /** Return the filters of a layer whose kernels changed most since the snapshot before, at most `count`. */
  mostChanged(layer, index, count) {
    const name = `${layer}/kernel`;
    const filters = this.#tensors[name].shape.at(-1);
    const changes = new Float64Array(filters);
    const before = this.weight(name, index - 1);
    this.weight(name, index).forEach((value, i) => (changes[i % filters] += (value - before[i]) ** 2));
    return [...changes.keys()].sort((a, b) => changes[b] - changes[a]).slice(0, count);
  }

  #names(layer) {
    return [`${layer}/kernel`, `${layer}/bias`].filter((name) => name in this.#tensors);
  }

  #weights(index) {
    const names = this.trained.flatMap((layer) => this.#names(layer));
    return Object.fromEntries(names.map((name) => [name, { values: this.weight(name, index) }]));
  }
}

const squares = (values) => values.reduce((total, value) => total + value * value, 0);
const distance = (before, after) => after.reduce((total, value, i) => total + (value - before[i]) ** 2, 0);
