// The fewest pixels that turn an image into another class, found one after the other.

const SOFTENING = 2; // above 1, classes behind the leading one count more
const MOST = 80; // pixels that are changed before the search is given up

/** Find pixels whose change gives an image another class.
 *
 * In each step, the pixel that by the gradient moves the logit of the wanted class furthest ahead of
 * the leading one becomes 0 or 1. (The saliency of Papernot et al., "The Limitations of Deep Learning
 * in Adversarial Settings", 2016, for one pixel at a time.) What turns out not to be needed is undone.
 *
 * @param network a LocalNetwork.
 * @param pixels the input, 0–1.
 * @param wanted the index of the class.
 * @param edits changes that stay in effect.
 * @returns [{index, value}], empty where the class is the wanted one already; null where none is found.
 */
export function smallestChange(network, pixels, wanted, edits = null) {
  const changed = Float32Array.from(edits?.pixels(pixels) ?? pixels);
  const found = [];
  const isWanted = () => leading(network.logits(network.run(changed, edits))) === wanted;
  for (let step = 0; step <= MOST; step++) {
    const values = network.run(changed, edits);
    const rival = leading(network.logits(values));
    if (rival === wanted) return needed(found, changed, isWanted);
    const gradient = network.gradient(changed, values, factorsOf(network.logits(values), wanted), edits);
    const index = mostEffective(gradient, changed, found);
    if (index === null) return null;
    found.push({ index, before: changed[index], value: changed[index] > 0.5 ? 0 : 1 });
    changed[index] = found.at(-1).value;
  }
  return null;
}

/** Return 1 for the wanted class, and for the others minus their share of the probability. */
function factorsOf(logits, wanted) {
  const largest = Math.max(...logits);
  const shares = Array.from(logits, (logit, i) => (i === wanted ? 0 : Math.exp((logit - largest) / SOFTENING)));
  const total = shares.reduce((sum, share) => sum + share);
  return shares.map((share, i) => (i === wanted ? 1 : -share / total));
}

/** Return the index of the pixel whose full change helps most; null where none helps. */
function mostEffective(gradient, pixels, found) {
  const taken = new Set(found.map(({ index }) => index));
  let best = null;
  let most = 0;
  gradient.forEach((slope, index) => {
    const value = pixels[index] > 0.5 ? 0 : 1;
    const effect = slope * (value - pixels[index]);
    if (effect > most && !taken.has(index)) [best, most] = [index, effect];
  });
  return best;
}

/** Undo every change without which the class stays the wanted one, the latest first. */
function needed(found, changed, isWanted) {
  const kept = [];
  for (const { index, before, value } of found.toReversed()) {
    changed[index] = before;
    if (isWanted()) continue;
    changed[index] = value;
    kept.push({ index, value });
  }
  return kept;
}

function leading(logits) {
  return logits.indexOf(Math.max(...logits));
}
