import { el, number } from '../../lib/dom.js';
import { percent, short } from '../../lib/numbers.js';
import { hasText, t } from '../../lib/i18n.js';
import { Chart, svg, ticks } from '../chart.js';
import { Confusion } from '../confusion.js';
import { choice, figure, Slider } from '../controls.js';
import { recipeName, settingName } from '../recipes.js';
import { STEPS } from '../steps.js';

const FIGURES = ['accuracy', 'wrong', 'loss', 'expected_calibration_error'];
const MANY_EPOCHS = 10; // With more, the first one would make the scale too coarse for the others.
const SETTINGS = ['epochs', 'batch_size', 'seconds'];

/** The lecture's six steps, and the results of training from the report and the manifest. */
export default class Training {
  #context;
  #state;
  #root;

  constructor(root, context) {
    this.#context = context;
    this.#root = root;
    this.#state = context.settings({ cell: '', epoch: 0, recipe: '' });
    root.append(steps());
    context.api
      .report()
      .then((report) => this.#show(report))
      .catch(context.showProblem);
  }

  #show(report) {
    if (!report.confusion) {
      this.#root.append(el('p', { class: 'note' }, t('lab.training.none')));
      return;
    }
    const runs = this.#runs(report);
    const withHistory = runs.filter(({ history }) => history?.epoch?.length);
    this.#root.append(
      section('recipes', recipes(runs)),
      ...(withHistory.length ? [section('curves', this.#curves(withHistory))] : []),
      section('confusion', this.#confusion(report)),
      el(
        'div',
        { class: 'pair' },
        section('calibration', calibration(report)),
        section('classes', classes(report, this.#context.manifest.labels)),
      ),
    );
  }

  /** Return this model's run, after the lecture's where the report contains it. */
  #runs({ lecture, ...report }) {
    const { training = {} } = this.#context.manifest;
    const own = { ...report, training };
    return (lecture ? [lecture, own] : [own]).map((run) => ({ ...run, name: run.training.recipe ?? '–' }));
  }

  /** Create the curves of one run, with a choice between the runs where there are two. */
  #curves(runs) {
    const place = el('div', {});
    const names = runs.map(({ name }) => [name, recipeName(name)]);
    const selected = runs.find(({ name }) => name === this.#state.state.recipe) ?? runs.at(-1);
    const show = (run) => place.replaceChildren(this.#curvesOf(run));
    show(selected);
    if (runs.length === 1) return place;
    const choose = (recipe) => {
      this.#state.set({ recipe, epoch: 0 });
      show(runs.find(({ name }) => name === recipe));
    };
    return el(
      'div',
      { class: 'column-of' },
      choice('recipe', t('lab.show'), names, selected.name, choose),
      place,
    );
  }

  #curvesOf({ history, training }) {
    const { epoch } = history;
    const readout = el('p', { class: 'readout' });
    const charts = ['accuracy', 'loss'].map((name) => new Curve(name, history));
    const slider = new Slider({
      name: 'epoch',
      label: t('lab.training.epoch'),
      min: epoch[0],
      max: epoch.at(-1),
      oninput: (value) => this.#state.set({ epoch: value }),
    });
    this.#state.watch(['epoch'], ({ epoch: selected }) => {
      const index = epoch.includes(selected) ? epoch.indexOf(selected) : epoch.length - 1;
      slider.value = epoch[index];
      for (const chart of charts) chart.mark(epoch[index]);
      readout.textContent = Object.entries(history)
        .filter(([key]) => key !== 'epoch' && hasText(`lab.training.${key}`))
        .map(([key, values]) => `${t(`lab.training.${key}`)} ${figureText(key, values[index])}`)
        .join(' · ');
    });
    return el(
      'div',
      { class: 'column-of' },
      el('div', { class: 'bench-row' }, ...charts.map(({ node }) => node)),
      el(
        'p',
        { class: 'keys' },
        el('span', { class: 'key training' }, t('lab.training.on.training')),
        'val_loss' in history
          ? el('span', { class: 'key validation' }, t('lab.training.on.validation'))
          : null,
      ),
      slider.node,
      readout,
      isHarder(history, training) ? el('p', { class: 'soft' }, t('lab.training.harder')) : null,
    );
  }

  #confusion(report) {
    const { manifest, store } = this.#context;
    const matrix = new Confusion(report, {
      labels: manifest.labels,
      lang: store.state.lang,
      choose: (label, predicted) => this.#state.set({ cell: `${label}-${predicted}` }),
    });
    this.#state.watch(['cell'], ({ cell }) => {
      const [label, predicted, ...rest] = cell.split('-').map(Number);
      const isCell = !rest.length && report.confusion[label]?.[predicted] !== undefined;
      matrix.show(isCell ? [label, predicted] : null);
    });
    return matrix.node;
  }
}

/** Create a table of the settings and the metrics of each run. */
function recipes(runs) {
  const line = (key, name, value) =>
    el(
      'tr',
      { 'data-figure': key },
      el('th', { scope: 'row' }, name),
      ...runs.map((run) => el('td', { 'data-recipe': run.name }, value(run))),
    );
  const setting = (value) => (value === undefined ? '–' : number(value, value.toLocaleString('en')));
  const heads = runs.map(({ name }) => el('th', { scope: 'col' }, recipeName(name)));
  return el(
    'div',
    { class: 'scroll' },
    el(
      'table',
      { class: 'recipes' },
      el('thead', {}, el('tr', {}, el('td', {}), ...heads)),
      el(
        'tbody',
        {},
        ...SETTINGS.map((key) => line(key, settingName(key), ({ training }) => setting(training[key]))),
        ...FIGURES.map((key) => line(key, t(`lab.training.${key}`), (run) => figureOf(key, run))),
      ),
    ),
    el(
      'p',
      { class: 'soft' },
      runs.length > 1
        ? t('lab.training.compared', {
            name: recipeName(runs.at(-1).name),
            count: runs.at(-1).digits.toLocaleString('en'),
          })
        : t('lab.training.alone'),
    ),
  );
}

function figureOf(key, { [key]: value, accuracy, digits }) {
  const errors = digits - Math.round(accuracy * digits);
  if (key === 'wrong') return number(errors, errors.toLocaleString('en'));
  return number(value, key === 'loss' ? short(value) : percent(value));
}

function section(name, content) {
  return el(
    'section',
    { class: 'part', 'data-part': name },
    el('h3', {}, t(`lab.training.${name}.title`)),
    content,
  );
}

function steps() {
  const items = STEPS.map(({ file, code, command }, i) =>
    el(
      'li',
      {},
      el('h3', {}, `${i + 1}. ${t(`lab.training.step.${i + 1}`)}`),
      el('pre', { tabindex: 0 }, el('code', {}, [...code, ...(command ? [`$ ${command}`] : [])].join('\n'))),
      el('p', { class: 'soft' }, file),
    ),
  );
  return el('ol', { class: 'steps' }, ...items);
}

/** Whether label smoothing makes the training loss larger than the validation loss. */
function isHarder({ loss, val_loss: validationLoss }, { label_smoothing: smoothing }) {
  return Boolean(smoothing) && validationLoss?.at(-1) < loss.at(-1);
}

const isShare = (key) => key.endsWith('accuracy');
const figureText = (key, value) => (isShare(key) ? percent(value) : short(value));
const axisText = (key, value) => (isShare(key) ? `${Number((100 * value).toFixed(2))} %` : String(value));

/** A chart of accuracy or loss after each epoch. */
class Curve {
  #chart;
  #cursor;

  constructor(name, history) {
    const series = [name, `val_${name}`].filter((key) => key in history);
    const from = history.epoch.length > MANY_EPOCHS ? 1 : 0;
    const all = series.flatMap((key) => history[key].slice(from));
    const [low, high] = name === 'accuracy' ? [Math.min(...all), 1] : [0, Math.max(...all)];
    const { epoch } = history;
    this.#chart = new Chart({
      x: {
        low: epoch[0],
        high: epoch.at(-1),
        ticks: ticks(epoch[0], epoch.at(-1), 6).filter(Number.isInteger),
      },
      y: { low, high, ticks: ticks(low, high, 4), text: (value) => axisText(name, value) },
      label: series
        .map((key) => `${t(`lab.training.${key}`)} ${figureText(key, history[key].at(-1))}`)
        .join(', '),
      xTitle: t('lab.training.epoch'),
    });
    this.#cursor = this.#chart.add('line', {
      y1: this.#chart.y(low),
      y2: this.#chart.y(high),
      class: 'cursor',
    });
    for (const key of series) {
      const points = epoch.map((at, i) => [at, history[key][i]]);
      this.#chart.line(points, key.startsWith('val_') ? 'validation' : 'training');
    }
    this.node = figure(t(`lab.training.${name}`), this.#chart.node);
  }

  mark(epoch) {
    this.#cursor.setAttribute('x1', this.#chart.x(epoch));
    this.#cursor.setAttribute('x2', this.#chart.x(epoch));
  }
}

/** Create the reliability diagram: the accuracy of the predictions at each confidence. */
function calibration({ calibration: bins, expected_calibration_error: error }) {
  const filled = bins.filter(({ count }) => count);
  const shares = { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], text: (share) => `${100 * share} %` };
  const description = t('lab.training.calibration.how', { error: percent(error) });
  const chart = new Chart({ width: 420, height: 320, x: shares, y: shares, label: description });
  chart.line(
    [
      [0, 0],
      [1, 1],
    ],
    'ideal',
  );
  const largest = Math.max(...filled.map(({ count }) => count));
  for (const { confidence, accuracy, count } of filled) {
    const r = 3 + 9 * Math.sqrt(Math.log1p(count) / Math.log1p(largest));
    const dot = chart.add('circle', { cx: chart.x(confidence), cy: chart.y(accuracy), r, class: 'dot' });
    dot.append(svg('title', {}, `${percent(confidence)} → ${percent(accuracy)} (${count})`));
  }
  return el('div', {}, chart.node, el('p', { class: 'soft' }, description));
}

function classes({ classes: rows }, labels) {
  const heads = ['class', 'precision', 'recall', 'support'].map((key) =>
    el('th', { scope: 'col' }, t(`lab.training.${key}`)),
  );
  return el(
    'table',
    {},
    el('thead', {}, el('tr', {}, ...heads)),
    el(
      'tbody',
      {},
      ...rows.map(({ label, precision, recall, support }) =>
        el(
          'tr',
          {},
          el('th', { scope: 'row' }, labels[label]),
          ...[precision, recall].map((share) =>
            el('td', {}, share === null ? '–' : number(share, percent(share))),
          ),
          el('td', {}, support.toLocaleString('en')),
        ),
      ),
    ),
  );
}
