import { el } from '../lib/dom.js';
import { percent } from '../lib/numbers.js';
import { t } from '../lib/i18n.js';
import { centre } from './layout.js';

const GAP = 6; // CSS pixels between a label and what it names

/** The names of the layers and the classes, as text over the picture. */
export class Labels {
  #labels; // [{node, place: [x, y, z], isClass}]

  constructor(root, network, places) {
    this.#labels = places.flatMap((place) => {
      const name = { node: el('p', { class: 'name' }), place: [0, -place.height / 2, place.z], block: place };
      if (!place.isClasses) return [name];
      return [...classes(network, place), name];
    });
    root.append(...this.#labels.map(({ node }) => node));
  }

  /** Write the texts; the most probable class is emphasised. */
  draw({ values }) {
    const probabilities = values?.ranking();
    for (const { node, block, label, channel } of this.#labels) {
      if (block) node.replaceChildren(block.layer?.name ?? t('input'), el('small', {}, size(block)));
      else {
        const share = probabilities?.find(({ index }) => index === channel).probability;
        node.replaceChildren(el('b', {}, label), share === undefined ? '' : percent(share));
        node.classList.toggle('first', probabilities?.[0].index === channel);
      }
    }
  }

  /** Move the labels to their places in a picture; one that would cover another is hidden.
   *
   * @param project ([x, y, z]) → {x, y} in CSS pixels, null behind the camera.
   */
  place(project) {
    const taken = [];
    const isFirst = ({ node }) => node.classList.contains('first');
    const labels = [...this.#labels].sort((a, b) => isFirst(b) - isFirst(a));
    for (const { node, place, block } of labels) {
      const at = project(place);
      const { offsetWidth: width, offsetHeight: height } = node;
      const box = at && {
        left: block ? at.x - width / 2 : at.x + 2 * GAP,
        top: block ? at.y + GAP : at.y - height / 2,
      };
      const isFree = box && taken.every((other) => !overlap({ ...box, width, height }, other));
      node.classList.toggle('covered', !isFree);
      if (!isFree) continue;
      taken.push({ ...box, width, height });
      node.style.transform = `translate(${box.left}px, ${box.top}px)`;
    }
  }
}

function classes({ labels }, place) {
  return labels.map((label, channel) => {
    const [x, y, z] = centre(place, channel);
    return { node: el('p', { class: 'class' }), place: [x + place.cell / 2, y, z], label, channel };
  });
}

function size({ count, rows, columns, isFlat }) {
  return isFlat ? `${count}` : `${rows} × ${columns}${count > 1 ? ` × ${count}` : ''}`;
}

function overlap(a, b) {
  const meet = (start, size) => a[start] < b[start] + b[size] && b[start] < a[start] + a[size];
  return meet('left', 'width') && meet('top', 'height');
}
