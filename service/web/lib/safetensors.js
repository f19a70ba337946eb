/** Parse a safetensors file to {name: {shape, values}}: values float32, uint16 or uint8, as in the file;
 * float16 becomes float32.
 */
export function readSafetensors(buffer) {
  const { size, header } = headerOf(buffer);
  const tensors = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(header).filter(([name]) => name !== '__metadata__')) {
    const read = READERS[dtype];
    if (!read) throw new TypeError(`Tensor "${name}" must be ${Object.keys(READERS).join(', ')}, got ${dtype}.`);
    // The slice copies, because a view must begin at a multiple of its values' bytes and the data need not.
    tensors[name] = { shape, values: read(buffer.slice(8 + size + from, 8 + size + to)) };
  }
  return tensors;
}

/** Return the metadata of a safetensors file, {name: text}. */
export const readMetadata = (buffer) => headerOf(buffer).header.__metadata__ ?? {};

const READERS = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf),
  U16: (bytes) => new Uint16Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
};

/** Return the number that 16 bits stand for: 1 of sign, 5 of exponent, 10 of fraction (IEEE 754). */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function headerOf(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  return { size, header: JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size))) };
}
