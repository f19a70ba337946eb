/** Create an element with properties (`class`, `data-…`, `aria-…`, on…, or any attribute) and children. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style')
      node.style.cssText = value; // The content security policy forbids the attribute.
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Load a style sheet. A view without it is better than none, so a failure is not one of the view. */
export function loadStyle(url) {
  return new Promise((resolve) => {
    document.head.append(
      el('link', { rel: 'stylesheet', href: url.href, onload: resolve, onerror: resolve }),
    );
  });
}

/** Replace a node's children, and keep the focus on the button of the same index and the scroll
 * position of the list. A button that is new at that index is scrolled into view.
 */
export function replaceContent(node, ...children) {
  const buttons = () => [...node.querySelectorAll('button, [tabindex]')];
  const list = () => node.querySelector('.list');
  const before = buttons();
  const focused = before.indexOf(document.activeElement);
  const scrollTop = list()?.scrollTop ?? 0;
  node.replaceChildren(...children);
  if (scrollTop && list()) list().scrollTop = scrollTop;
  const after = buttons();
  if (focused < 0 || !after.length) return;
  after[Math.min(focused, after.length - 1)].focus({ preventScroll: after.length <= before.length });
}

/** Create a number: in full precision for programs and on hover, in short form as text. */
export function number(value, text, properties = {}) {
  return el('data', { value, title: value, ...properties }, text);
}

/** Return the context of a canvas of width × height CSS pixels, in the resolution of the screen. */
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

const themeCache = new Map();

/** Return a custom property's value, such as the colour of a mark or the side of a picture. The values
 * are cached, because reading one makes the browser compute styles in the middle of drawing.
 */
export function theme(name) {
  if (!themeCache.has(name)) {
    themeCache.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return themeCache.get(name);
}

/** Clear the cache of `theme`, after a change between light and dark, or of the window's size. */
export function clearThemeCache() {
  themeCache.clear();
}

/** Move the focus to another button of a group of which Tab reaches one; nothing without a target. */
export function moveFocus(event, target) {
  if (!target) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}
