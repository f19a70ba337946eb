/** Encode uint8 `pixels` of a shape as a `.npy` file (version 1.0). */
export function encodeNpy(pixels, shape) {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const size = Math.ceil((10 + header.length + 1) / 64) * 64; // The format aligns its data to 64 bytes.
  const bytes = new Uint8Array(size + pixels.length).fill(0x20, 0, size);
  bytes.set([0x93, ...[...'NUMPY'].map((letter) => letter.charCodeAt(0)), 1, 0], 0);
  new DataView(bytes.buffer).setUint16(8, size - 10, true);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes[size - 1] = 0x0a;
  bytes.set(pixels, size);
  return bytes;
}
