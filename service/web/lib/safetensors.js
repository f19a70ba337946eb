const ARRAYS = { F32: Float32Array, U16: Uint16Array, U8: Uint8Array };

/** Parse a safetensors file of float32, uint16 and uint8 arrays to {name: {shape, values}}. */
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
    const Values = ARRAYS[dtype];
    if (!Values) throw new TypeError(`Tensor "${name}" must be F32, U16 or U8, got ${dtype}.`);
    // The slice copies, because a view must begin at a multiple of its values' bytes and the data need not.
    tensors[name] = { shape, values: new Values(buffer.slice(8 + size + from, 8 + size + to)) };
  }
  return tensors;
}

/** Return the metadata of a safetensors file, {name: text}. */
export const readMetadata = (buffer) => headerOf(buffer).header.__metadata__ ?? {};

function headerOf(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  return { size, header: JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size))) };
}
