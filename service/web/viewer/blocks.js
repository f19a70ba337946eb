// Groups the layers of a network into blocks, which are the columns of its picture: those that the
// manifest names, else short parts with branches, and runs such as convolution, norm and activation.

import { INPUT } from '../models/graph.js';
import { isDrawable } from './layers.js';

const LONGEST = 40; // layers of a part with branches or a common name that is one block
const FOLLOWER = /^(ops>.*|Activation|Softmax|ELU|.*ReLU|.*Normalization|.*Dropout|Gaussian.*|Identity)$/;
const LEAD = /^(.*Padding.*|Cropping.*|Flatten|Reshape|Permute|Rescaling)$/; // belongs to what follows
const DIMENSIONS = /(conv|pooling|padding|sampling)[123]d$/; // digits that do not count blocks

/** Return the blocks of a network, [{id, name, layers, shown}], none of which takes values of a later
 * one. `shown` is the last layer whose values can be drawn, else the last layer.
 */
export function blocksOf(layers) {
  const ordered = depthFirst(layers);
  const ends = new Set(cuts(ordered));
  const groups = [];
  for (const part of parts(ordered, ends)) {
    if (part.length > 1 && (part[0].block !== null || part.length <= LONGEST)) groups.push(part);
    else for (const layer of part) joinOrAdd(groups, layer);
  }
  const shared = commonTokens(layers).length;
  const merged = mergeByName(groups, shared);
  const names = merged.map((group) => nameOf(group, shared));
  const isUnique = (name) => names.indexOf(name) === names.lastIndexOf(name);
  return merged.map((group, index) => ({
    id: group[0].name,
    name: isUnique(names[index]) ? names[index] : ownNameOf(group),
    layers: group,
    shown: group.findLast(isDrawable) ?? group.at(-1),
  }));
}

/** Return a layer's name without the part that its block's name has already. */
export function nameWithin(layer, block) {
  const rest = layer.name.startsWith(block.name) ? layer.name.slice(block.name.length) : '';
  return rest.replace(/^[/_.:-]+/, '') || layer.name;
}

/** Order layers so that each branch is in one piece, the longest first, and a named block too. */
function depthFirst(layers) {
  const heights = new Map();
  for (const layer of layers.toReversed()) {
    const height = (heights.get(layer.name) ?? 0) + 1;
    heights.set(layer.name, height);
    for (const name of layer.inputs) heights.set(name, Math.max(heights.get(name) ?? 0, height));
  }
  const places = new Map([[INPUT, -1]]);
  const ordered = [];
  let waiting = layers;
  while (waiting.length) {
    const block = ordered.at(-1)?.block ?? null;
    const rank = (layer) => [
      Number(block !== null && layer.block === block),
      Math.max(...layer.inputs.map((name) => places.get(name))),
      heights.get(layer.name),
    ];
    const ready = waiting.filter(({ inputs }) => inputs.every((name) => places.has(name)));
    const next = ready.reduce((best, layer) => (isAbove(rank(layer), rank(best)) ? layer : best));
    places.set(next.name, ordered.length);
    ordered.push(next);
    waiting = waiting.filter((layer) => layer !== next);
  }
  return ordered;
}

function isAbove(a, b) {
  const index = a.findIndex((value, i) => value !== b[i]);
  return index >= 0 && a[index] > b[index];
}

/** Return the indices of the layers after which the rest of the network takes the values of one layer. */
function cuts(ordered) {
  const lastUse = new Map();
  ordered.forEach(({ inputs }, index) => inputs.forEach((name) => lastUse.set(name, index)));
  const live = new Set([INPUT]);
  return ordered.flatMap(({ name }, index) => {
    live.add(name);
    for (const each of live) if ((lastUse.get(each) ?? -1) <= index) live.delete(each);
    return live.size <= 1 ? [index] : [];
  });
}

/** Split the ordered layers into named blocks and, between them, into parts that end at a cut. */
function parts(ordered, ends) {
  const result = [];
  ordered.forEach((layer, index) => {
    const previous = ordered[index - 1];
    const isNew = !previous || layer.block !== previous.block;
    if (isNew || (layer.block === null && ends.has(index - 1))) result.push([]);
    result.at(-1).push(layer);
  });
  return result;
}

/** Add a layer to the last group where it continues its run, else as a new group. */
function joinOrAdd(groups, layer) {
  const last = groups.at(-1);
  const follows = last && layer.inputs.length === 1 && layer.inputs[0] === last.at(-1).name;
  const isOpen = follows && last[0].block === null && layer.block === null;
  if (isOpen && (FOLLOWER.test(layer.kind) || !headOf(last))) last.push(layer);
  else groups.push([layer]);
}

/** Return the layer that a run is about, such as its convolution. */
const headOf = (group) => group.find(isHead);
const isHead = ({ kind }) => !FOLLOWER.test(kind) && !LEAD.test(kind);

const hasBranches = (group) => group.some(({ inputs }) => inputs.length > 1);

/** Merge neighbours whose names begin with the same numbered word, such as block2a; of parts with
 * branches each stays alone.
 */
function mergeByName(groups, shared) {
  const merged = [];
  for (const group of groups) {
    const both = [...(merged.at(-1) ?? []), ...group];
    const branched = [merged.at(-1) ?? [], group].filter(hasBranches);
    const isSame = commonTokens(both.some(isHead) ? both.filter(isHead) : both)
      .slice(shared)
      .some((token) => /\d/.test(token) && !DIMENSIONS.test(token));
    const isPlain = both.every(({ block }) => block === null);
    if (merged.length && isPlain && isSame && branched.length < 2 && both.length <= LONGEST) {
      merged[merged.length - 1] = both;
    } else merged.push(group);
  }
  return merged;
}

/** Return the words that the names of a group's layers begin with, else the name of one of them. */
function nameOf(group, shared) {
  if (group[0].block !== null) return group[0].block;
  const heads = group.filter(isHead);
  const { length } = commonTokens(heads.length > 1 ? heads : group);
  const [first] = heads.length ? heads : group;
  const words = first.name.match(/[^/_.:-]*[/_.:-]*/g).slice(0, length);
  return length > shared ? words.join('').replace(/[/_.:-]+$/, '') : ownNameOf(group);
}

/** Return the name of the layer that a group is about: a merge with a name of its own, else the first. */
function ownNameOf(group) {
  if (group[0].block !== null) return group[0].block;
  const merge = group.findLast(({ inputs }) => inputs.length > 1);
  const isNamed = merge && !merge.name.toLowerCase().startsWith(merge.kind.toLowerCase());
  return (isNamed ? merge : (headOf(group) ?? group.at(-1))).name;
}

/** Return the words that the names of all layers begin with. */
function commonTokens(layers) {
  const [first, ...others] = layers.map(({ name }) => name.split(/[/_.:-]+/));
  const end = first.findIndex((token, index) => others.some((tokens) => tokens[index] !== token));
  return end < 0 ? first : first.slice(0, end);
}
