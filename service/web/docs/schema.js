// Schemas of an OpenAPI document as short text, without the page.

const DEPTH = 5; // of nested objects

/** Return the schema that a reference names, with the keys beside the reference; others unchanged. */
export function resolve(document, schema) {
  if (!schema?.$ref) return schema ?? {};
  const { $ref, ...rest } = schema;
  const target = $ref.split('/').slice(1).reduce((node, key) => node[key], document);
  return { ...resolve(document, target), ...rest };
}

/** Return the name of a type with its limits, such as `integer, at least 1` or `"json" | "npz"`. */
export function typeName(document, schema) {
  const { type, format, enum: values, anyOf, oneOf, items, minimum, const: constant, title } = resolve(
    document,
    schema,
  );
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ');
  if (constant !== undefined) return JSON.stringify(constant);
  const choices = anyOf ?? (type ? null : oneOf);
  if (choices) return [...new Set(choices.map((each) => typeName(document, each)))].join(' | ');
  if (type === 'array') return `${wrapped(typeName(document, items))}[]`;
  if (type === 'object') return title ?? 'object';
  const names = [type].flat().filter(Boolean).join(' | ') || 'any';
  if (format === 'binary') return 'bytes';
  return minimum > 0 ? `${names} ≥ ${minimum}` : names;
}

const wrapped = (name) => (name.includes(' | ') && !name.startsWith('(') ? `(${name})` : name);

/** Return a schema as indented lines: the fields of objects with their types and descriptions. */
export function outline(document, schema) {
  return lines(document, schema, 0, []).join('\n');
}

function lines(document, schema, depth, path) {
  const { name, object } = objectIn(document, schema);
  const fields = Object.entries(object?.properties ?? {});
  if (!fields.length || depth === DEPTH || path.includes(object.title)) return [name];
  const indent = '  '.repeat(depth + 1);
  const seen = object.title ? [...path, object.title] : path;
  const content = fields.flatMap(([key, field]) => {
    const { description } = resolve(document, field);
    const mark = object.required?.includes(key) ? '' : '?';
    const [first, ...rest] = lines(document, field, depth + 1, seen);
    return [
      ...(description ? [`${indent}// ${description.replaceAll('\n', ' ')}`] : []),
      `${indent}${key}${mark}: ${first}`,
      ...rest,
    ];
  });
  return [`${name} {`, ...content, `${'  '.repeat(depth)}}`];
}

/** Find the object within a schema, also the one in an array or beside null. */
function objectIn(document, schema) {
  const name = typeName(document, schema);
  let object = resolve(document, schema);
  while (object.items || object.anyOf) {
    object = resolve(document, object.items ?? object.anyOf.find(({ type }) => type !== 'null'));
  }
  return { name, object };
}
