// A request of the API's page: its address, headers and body, and the same as a curl command.

/** Build a request.
 *
 * @param operation {method, path, parameters}; values {name: text}, '' where a parameter is not set.
 * @param body {type, text} or {type, file}; null without a body.
 * @returns {method, url, headers, body}: `url` is relative to the root of the service.
 */
export function buildRequest({ method, path, parameters }, values, body, key) {
  const of = (place) => parameters.filter((each) => each.in === place && values[each.name]);
  const query = new URLSearchParams(of('query').map(({ name }) => [name, values[name]])).toString();
  const filled = path.replace(/\{(\w+)\}/g, (whole, name) =>
    values[name] ? encodeURIComponent(values[name]) : whole,
  );
  const headers = Object.fromEntries(of('header').map(({ name }) => [name, values[name]]));
  if (body) headers['Content-Type'] = body.type;
  if (key) headers.Authorization = `Bearer ${key}`;
  return { method, url: filled.slice(1) + (query && `?${query}`), headers, body };
}

/** Return the first required parameter without a value; undefined where none is missing. */
export const missing = ({ parameters }, values) =>
  parameters.find(({ name, required }) => required && !values[name])?.name;

/** Format a request as a curl command for a POSIX shell. */
export function curl({ method, url, headers, body }, root) {
  const parts = ['curl'];
  if (method !== 'GET') parts.push('-X', method);
  parts.push(quoted(`${root}${url}`));
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quoted(`${name}: ${value}`));
  if (body) parts.push('--data-binary', quoted(body.text ?? `@${body.file.name}`));
  return parts.join(' ');
}

const quoted = (text) => (/^[\w:/.@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
