// dtype → the values of a tensor's bytes
const READERS = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf),
  U16: (bytes) => new Uint16Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
};

/** Parse a safetensors file to {name: {shape, values}}; float16 becomes float32. */
export function readSafetensors(buffer) {
  const { begin, header } = parse(buffer);
  const { __metadata__: _, ...entries } = header;
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(entries)) {
    if (!Object.hasOwn(READERS, dtype))
      throw new TypeError(`Tensor "${name}" must be ${Object.keys(READERS).join(', ')}, got ${dtype}.`);
    // The slice copies, because a view must begin at a multiple of its element's bytes and the data need not.
    const [from, to] = offsets.map((offset) => begin + offset);
    tensors[name] = { shape, values: READERS[dtype](buffer.slice(from, to)) };
  }
  return tensors;
}

/** Return the metadata of a safetensors file: {name: text}. */
export function readMetadata(buffer) {
  return parse(buffer).header.__metadata__ ?? {};
}

/** Return the header of a file, and where its data begins. */
function parse(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  return { begin: 8 + size, header: JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size))) };
}

/** Return the number that the 16 bits of a float16 stand for. */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
