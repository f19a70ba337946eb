import { el } from '../lib/dom.js';
import { hasText, t } from '../lib/i18n.js';
import { answerTo } from './answer.js';
import { buildRequest, curl, missing } from './request.js';
import { outline, resolve, typeName } from './schema.js';

const ENGLISH = { lang: 'en' }; // the document's own texts

/** One route: its parameters and body as a form, the request as curl, and its responses. */
export class Operation {
  #document;
  #operation; // {method, path, id, summary, parameters, requestBody, responses}
  #key; // () => the API key, '' for none
  #values;
  #body = null; // {kind: 'image' or 'json', file, text}
  #isBuilt = false;
  #parts = {};

  constructor({ document, operation, key }) {
    this.#document = document;
    this.#operation = operation;
    this.#key = key;
    this.#values = Object.fromEntries(operation.parameters.map(({ name }) => [name, '']));
    const { id, method, path, summary } = operation;
    this.#parts.content = el('div', { class: 'content' });
    this.node = el(
      'details',
      { class: 'route', id },
      el(
        'summary',
        {},
        el('span', { class: `method ${method.toLowerCase()}` }, method),
        el('code', {}, path),
        el('span', { class: 'soft', ...ENGLISH }, summary),
      ),
      this.#parts.content,
    );
    this.node.addEventListener('toggle', () => this.node.open && this.#build());
  }

  /** Whether the path, the method or the summary contains a text. */
  matches(text) {
    const { method, path, summary } = this.#operation;
    return `${method} ${path} ${summary}`.toLowerCase().includes(text);
  }

  #build() {
    if (this.#isBuilt) return;
    this.#isBuilt = true;
    const { content } = this.#parts;
    const form = el('form', { novalidate: true }, this.#parameters(), this.#bodyFields(), this.#request());
    form.addEventListener('input', () => this.#update());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    content.append(form, this.#responses());
    this.#update();
  }

  #parameters() {
    const { parameters, id } = this.#operation;
    if (!parameters.length) return null;
    const rows = parameters.map((parameter) => {
      const { name, required, description } = parameter;
      const inputId = `${id}-${name}`;
      const facts = [t(`docs.in.${parameter.in}`), typeName(this.#document, parameter.schema)];
      const control = this.#control(parameter, inputId);
      control.addEventListener('input', () => (this.#values[name] = control.value));
      return el(
        'div',
        { class: 'parameter' },
        el('label', { for: inputId }, el('code', {}, name), required ? ` · ${t('docs.required')}` : ''),
        el('span', { class: 'soft' }, facts.join(' · ')),
        control,
        el('p', { class: 'soft', ...ENGLISH }, ...marked(description ?? '')),
      );
    });
    return el('fieldset', {}, el('legend', {}, t('docs.parameters')), ...rows);
  }

  #control({ name, schema, example, required }, id) {
    const { type, enum: values, default: preset, anyOf = [] } = resolve(this.#document, schema);
    const booleans = [type, ...anyOf.map((each) => each.type)].includes('boolean') ? [true, false] : [];
    const options = [...booleans, ...(values ?? anyOf.flatMap((each) => each.enum ?? []))];
    if (options.length) {
      const unset = preset === undefined ? t('docs.default') : `${t('docs.default')} (${preset})`;
      return el(
        'select',
        { id, name },
        el('option', { value: '' }, unset),
        ...options.map((value) => el('option', { value }, String(value))),
      );
    }
    if (required && example !== undefined) this.#values[name] = String(example);
    const isNumber = ['integer', 'number'].includes(type);
    return el('input', {
      id,
      name,
      type: isNumber ? 'number' : 'text',
      step: type === 'number' ? 'any' : null,
      value: this.#values[name] || null,
      placeholder: preset ?? example ?? null,
      'aria-required': required ? 'true' : null,
      autocomplete: 'off',
    });
  }

  #bodyFields() {
    const { requestBody, id } = this.#operation;
    if (!requestBody) return null;
    const types = Object.entries(requestBody.content);
    const json = requestBody.content['application/json'];
    const sample = sampleImage(this.#document);
    const takesImages = Boolean(sample) && types.some(([type]) => type.startsWith('image/'));
    const text = json ? JSON.stringify(json.example ?? {}, null, 2) : '';
    this.#body = { kind: takesImages ? 'image' : 'json', file: sample, text };
    const file = el('input', { type: 'file', accept: 'image/*', id: `${id}-file` });
    file.addEventListener('change', () => {
      this.#body.file = file.files[0] ?? sample;
      this.#update();
    });
    const area = el('textarea', { id: `${id}-json`, rows: 8, spellcheck: 'false' });
    area.value = text;
    area.addEventListener('input', () => (this.#body.text = area.value));
    const fields = {
      image: el(
        'div',
        { class: 'parameter' },
        el('label', { for: file.id }, t('docs.body.file')),
        file,
        el('p', { class: 'soft' }, t('docs.body.sample')),
      ),
      json: el('div', { class: 'parameter' }, el('label', { for: area.id }, t('docs.body.json')), area),
    };
    const show = () => {
      for (const [kind, node] of Object.entries(fields)) node.hidden = kind !== this.#body.kind;
    };
    show();
    const kinds = takesImages && json ? ['image', 'json'] : [];
    const choose = (kind) => {
      this.#body.kind = kind;
      show();
    };
    const radios = kinds.flatMap((kind) => [
      el('input', {
        type: 'radio',
        class: 'unseen',
        name: `${id}-body`,
        id: `${id}-body-${kind}`,
        checked: kind === this.#body.kind,
        onchange: () => choose(kind),
      }),
      el('label', { for: `${id}-body-${kind}` }, t(`docs.body.${kind}`)),
    ]);
    return el(
      'fieldset',
      {},
      el('legend', {}, t('docs.body')),
      radios.length ? el('div', { class: 'choice' }, ...radios) : null,
      fields.image,
      fields.json,
      el('p', { class: 'soft' }, t('docs.body.accepts', { types: types.map(([type]) => type).join(', ') })),
      json ? schemaNote(this.#document, json.schema) : null,
    );
  }

  #request() {
    const copy = el('button', { type: 'button', 'data-do': 'copy' }, t('docs.copy'));
    copy.addEventListener('click', async () => {
      await navigator.clipboard?.writeText(this.#parts.curl.textContent);
      copy.textContent = t('docs.copied');
    });
    this.#parts.curl = el('pre', { tabindex: 0, role: 'region', 'aria-label': t('docs.request') });
    this.#parts.answer = el('div', { class: 'answer', 'aria-live': 'polite' });
    return el(
      'fieldset',
      {},
      el('legend', {}, t('docs.request')),
      this.#parts.curl,
      el('div', { class: 'buttons' }, el('button', { class: 'primary', 'data-do': 'send' }, t('docs.send')), copy),
      this.#parts.answer,
    );
  }

  #built() {
    const { kind, file, text } = this.#body ?? {};
    const body = { image: { type: file?.type || 'application/octet-stream', file }, json: { type: 'application/json', text } };
    return buildRequest(this.#operation, this.#values, body[kind] ?? null, this.#key());
  }

  #update() {
    this.#parts.curl.textContent = curl(this.#built(), new URL('.', location.href).href);
  }

  async #send() {
    const { answer } = this.#parts;
    const name = missing(this.#operation, this.#values);
    if (name) {
      answer.replaceChildren(el('p', { class: 'warning' }, t('docs.missing', { name })));
      return;
    }
    this.#update(); // The API key may have changed.
    answer.replaceChildren(el('p', { class: 'soft' }, t('docs.sending')));
    try {
      answer.replaceChildren(...(await answerTo(this.#built())));
    } catch {
      answer.replaceChildren(el('p', { class: 'warning' }, t('docs.unreachable')));
    }
  }

  #responses() {
    const rows = Object.entries(this.#operation.responses).map(([status, response]) => {
      const { description, content = {} } = resolve(this.#document, response);
      const json = Object.entries(content).find(([type]) => type === 'application/json')?.[1];
      return el(
        'div',
        { class: 'response' },
        el('dt', {}, status),
        el(
          'dd',
          {},
          ...paragraphs(description),
          el('p', { class: 'soft' }, Object.keys(content).join(', ')),
          json && status < '300' ? schemaNote(this.#document, json.schema) : null,
        ),
      );
    });
    return el('section', {}, el('h3', {}, t('docs.responses')), el('dl', {}, ...rows));
  }
}

/** Return the group's name; its key where the page has no text for it. */
export const groupName = (tag) => (hasText(`docs.tag.${tag}`) ? t(`docs.tag.${tag}`) : tag);

/** Return the image of the document's example as a file; null where it has none. */
function sampleImage(document) {
  const text = document.paths['/predict']?.post?.requestBody?.content['application/json']?.example?.image;
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new File([bytes], 'digit.png', { type: 'image/png' });
}

function schemaNote(document, schema) {
  const text = outline(document, schema);
  return el(
    'details',
    { class: 'schema' },
    el('summary', {}, t('docs.schema')),
    el('pre', { tabindex: 0, role: 'region', 'aria-label': t('docs.schema'), ...ENGLISH }, text),
  );
}

/** Return the lines of a description; those that begin with a dash are a list. */
function paragraphs(description = '') {
  const all = description.split('\n').filter(Boolean);
  const items = all.filter((line) => line.startsWith('- '));
  const texts = all.filter((line) => !line.startsWith('- '));
  return [
    ...texts.map((line) => el('p', ENGLISH, ...marked(line))),
    ...(items.length
      ? [el('ul', ENGLISH, ...items.map((line) => el('li', {}, ...marked(line.slice(2)))))]
      : []),
  ];
}

/** Return a text with the words between backticks as code. */
const marked = (text) =>
  text.split('`').map((part, i) => (i % 2 ? el('code', {}, part) : document.createTextNode(part)));
