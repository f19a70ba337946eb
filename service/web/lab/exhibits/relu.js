import { el, number, sharpContext, theme } from '../../lib/dom.js';
import { extent, relu } from '../../lib/math.js';
import { percent, short } from '../../lib/numbers.js';
import { t } from '../../lib/i18n.js';
import { legend } from '../../parts/legend.js';
import { relu as reluOfMap } from '../arithmetic.js';
import { Board, signed } from '../board.js';
import { figure, select, Slider } from '../controls.js';
import { InputPanel } from '../input-panel.js';
import { channelOf } from '../network-parts.js';

const REACH = 30; // of the function's axes, both ways
const PLOT = { width: 280, height: 200 };

/** The graph of ReLU, and its effect on a map of the network: the share of values that become 0. */
export default class Relu {
  #context;
  #state;
  #inputPanel;
  #layers;
  #parts;

  constructor(root, context) {
    this.#context = context;
    const { network } = context;
    this.#layers = network.layers.filter((layer) => layer.activation === 'relu' && layer.hasOwnPre);
    const first = this.#layers.find((layer) => !layer.isFlat);
    this.#state = context.settings({ y: -25, layer: first?.name ?? '', channel: 0 }, { y: [-REACH, REACH] });
    this.#inputPanel = new InputPanel(context);
    this.#parts = {
      plot: el('canvas', { role: 'img' }),
      y: new Slider({
        name: 'y',
        label: 'y',
        min: -REACH,
        max: REACH,
        text: (value) => short(value),
        oninput: (y) => this.#state.set({ y }),
      }),
      equation: el('output', { class: 'large', 'data-role': 'relu' }),
      controls: el('div', { class: 'controls' }),
      before: new Board('before'),
      after: new Board('after'),
      legends: [el('div', {}), el('div', {})],
      summary: el('p', { class: 'readout' }),
      shares: el('div', { class: 'scroll' }),
    };
    this.#build(root);
    this.#state.watch(['y'], ({ y }) => this.#drawFunction(y));
    this.#state.watch(['layer', 'channel'], () => this.#drawMaps());
    this.#inputPanel.store.watch(['values'], () => this.#drawMaps());
  }

  #build(root) {
    const { plot, y, equation, controls, before, after, legends, summary, shares } = this.#parts;
    const maps = [
      figure(t('lab.relu.before'), before.node, legends[0]),
      figure(t('lab.relu.after'), after.node, legends[1]),
      el('div', { class: 'beside' }, summary, shares),
    ];
    root.append(
      el(
        'div',
        { class: 'bench-row' },
        figure('g(y) = max(0, y)', plot),
        el(
          'div',
          { class: 'result function' },
          y.node,
          equation,
          el('p', { class: 'soft' }, t('lab.relu.rgb')),
        ),
      ),
      el('h3', {}, t('lab.relu.network')),
      controls,
      el('div', { class: 'bench-row' }, this.#inputPanel.node, ...maps),
    );
    this.#inputPanel.hideWithoutValues(controls, ...maps);
  }

  #drawFunction(y) {
    const g = relu(y);
    this.#parts.y.value = y;
    this.#parts.equation.textContent = `g(${short(y)}) = max(0, ${short(y)}) = ${short(g)}`;
    this.#parts.plot.setAttribute('aria-label', this.#parts.equation.textContent);
    this.#context.announce(this.#parts.equation.textContent);
    const { width, height } = PLOT;
    const context = sharpContext(this.#parts.plot, width, height);
    const x = (value) => width / 2 + (value / REACH) * (width / 2 - 12);
    const top = (value) => height - 28 - (value / REACH) * (height - 48);
    context.strokeStyle = theme('--line');
    context.lineWidth = 1;
    path(context, [
      [x(-REACH), top(0)],
      [x(REACH), top(0)],
    ]);
    path(context, [
      [x(0), top(REACH)],
      [x(0), top(0) + 16],
    ]);
    context.strokeStyle = theme('--accent');
    context.lineWidth = 3;
    path(context, [
      [x(-REACH), top(0)],
      [x(0), top(0)],
      [x(REACH), top(REACH)],
    ]);
    context.setLineDash([4, 4]);
    context.lineWidth = 1;
    context.strokeStyle = theme('--soft');
    path(context, [
      [x(y), top(0)],
      [x(y), top(g)],
      [x(0), top(g)],
    ]);
    context.setLineDash([]);
    context.fillStyle = theme('--point');
    context.beginPath();
    context.arc(x(y), top(g), 6, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = theme('--soft');
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    for (const value of [-REACH, 0, REACH])
      context.fillText(short(value), x(value) - (value ? Math.sign(value) * 6 : -8), top(0) + 20);
  }

  #drawMaps() {
    const { values } = this.#inputPanel.store.state;
    if (!values || !this.#layers.length) return;
    const layer = this.#layers.find(({ name }) => name === this.#state.state.layer) ?? this.#layers[0];
    const channel = Math.min(this.#state.state.channel, layer.channels - 1);
    this.#drawControls(layer, channel);
    const before = channelOf(layer, values, 'pre', channel);
    const after = reluOfMap(before);
    const limit = extent(before.values);
    const side = layer.isFlat ? 48 : 240;
    this.#parts.before.show({ ...before, palette: signed(limit), side, label: t('lab.relu.before') });
    this.#parts.after.show({ ...after, palette: signed(limit), side, label: t('lab.relu.after') });
    this.#parts.legends.forEach((node, i) => node.replaceChildren(legend(limit, i === 0)));
    const silenced = before.values.filter((value) => value <= 0).length;
    this.#parts.summary.textContent = t('lab.relu.summary', {
      silenced,
      count: before.values.length,
      share: percent(silenced / before.values.length),
    });
    this.#parts.shares.replaceChildren(table(this.#layers, values));
  }

  #drawControls(layer, channel) {
    const { network } = this.#context;
    const hasFocus = this.#parts.controls.contains(document.activeElement);
    if (hasFocus && document.activeElement.tagName === 'INPUT') return; // The user is moving the slider.
    const slider = new Slider({
      name: 'channel',
      label: t('lab.channel'),
      min: 0,
      max: layer.channels - 1,
      oninput: (value) => {
        slider.value = value;
        this.#state.set({ channel: value });
      },
    });
    slider.value = channel;
    this.#parts.controls.replaceChildren(
      select(
        t('lab.layer'),
        this.#layers.map(({ name }) => [name, name]),
        layer.name,
        (name) => this.#state.set({ layer: network.find(name).name, channel: 0 }),
      ),
      slider.node,
    );
    if (hasFocus) this.#parts.controls.querySelector('select').focus();
  }
}

/** Create a table of each layer's share of values that ReLU sets to 0 for this digit. */
function table(layers, values) {
  const rows = layers.map((layer) => {
    const all = values.of(layer, 'pre');
    const silenced = all.filter((value) => value <= 0).length;
    return el(
      'tr',
      {},
      el('th', { scope: 'row' }, layer.name),
      el('td', {}, number(silenced, `${silenced.toLocaleString('en')} / ${all.length.toLocaleString('en')}`)),
      el('td', { 'data-share': silenced / all.length }, percent(silenced / all.length)),
      el(
        'td',
        { class: 'share-bar' },
        el('span', { class: 'fill', style: `--share: ${silenced / all.length}` }),
      ),
    );
  });
  return el(
    'table',
    { class: 'shares' },
    el('caption', { class: 'soft' }, t('lab.relu.shares')),
    el('tbody', {}, ...rows),
  );
}

function path(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}
