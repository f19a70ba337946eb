/** Parse a safetensors file of float32 arrays to {name: {shape, values}}. */
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
    if (dtype !== 'F32') throw new TypeError(`Tensor "${name}" must be F32, got ${dtype}.`);
    // The slice copies, because a view must begin at a multiple of four bytes and the data need not.
    tensors[name] = { shape, values: new Float32Array(buffer.slice(8 + size + from, 8 + size + to)) };
  }
  return tensors;
}
