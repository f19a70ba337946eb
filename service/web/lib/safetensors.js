/** {name: {shape, values}} of a safetensors file that holds float32 arrays. */
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
    if (dtype !== 'F32') throw new TypeError(`${name} is ${dtype}, not F32`);
    // sliced: a Float32Array must begin at a multiple of four, which the header's size need not be
    tensors[name] = { shape, values: new Float32Array(buffer.slice(8 + size + from, 8 + size + to)) };
  }
  return tensors;
}
