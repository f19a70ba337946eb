/** Parse a safetensors file of float32 or float16 arrays to {name: {shape, values}}, values float32. */
export function readSafetensors(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const tensors = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(header).filter(([name]) => name !== '__metadata__')) {
    if (!Object.hasOwn(READERS, dtype)) throw new TypeError(`Tensor "${name}" must be F32 or F16, got ${dtype}.`);
    // The slice copies, because a view must begin at a multiple of its element's size and the data need not.
    tensors[name] = { shape, values: READERS[dtype](buffer.slice(8 + size + from, 8 + size + to)) };
  }
  return tensors;
}

const READERS = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf),
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
