/** An element with properties (`class`, `data-…`, `aria-…`, on…, or any attribute) and children. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style')
      node.style.cssText = value; // as an attribute it is not allowed
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Replace a node's children; the focus stays in its place among the buttons, and lists where they were
 * scrolled to. What stands in that place only now is brought into sight.
 */
export function renew(node, ...children) {
  const places = () => [...node.querySelectorAll('button, [tabindex]')];
  const list = () => node.querySelector('.list');
  const before = places();
  const focused = before.indexOf(document.activeElement);
  const scrolled = list()?.scrollTop ?? 0;
  node.replaceChildren(...children);
  if (scrolled && list()) list().scrollTop = scrolled;
  const now = places();
  if (focused < 0 || !now.length) return;
  now[Math.min(focused, now.length - 1)].focus({ preventScroll: now.length <= before.length });
}

/** A number: full precision for programs and on hover, as much as there is room for to read. */
export function number(value, text, properties = {}) {
  return el('data', { value, title: value, ...properties }, text);
}

/** A context of a canvas that is width × height CSS pixels, sharp on any screen. */
export function sharpContext(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}

const remembered = new Map();

/** A custom property's value, such as the theme's colour of a mark. Asking the browser each time
 * would have it compute styles anew in the middle of drawing.
 */
export function theme(name) {
  if (!remembered.has(name)) {
    remembered.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return remembered.get(name);
}

/** After a change between light and dark. */
export function forgetTheme() {
  remembered.clear();
}
