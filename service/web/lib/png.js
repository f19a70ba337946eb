// An encoder and decoder of 8-bit grey PNG. A canvas cannot replace it, because some browsers change
// the pixels that a canvas returns (Brave, against fingerprinting) and each scales differently.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const GREY_8_BIT = [8, 0, 0, 0, 0]; // bit depth, colour type, compression, filter, interlace

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** Encode `pixels`, bytes row by row, 0 black, as a PNG. */
export async function encodeGrey(pixels, width, height) {
  const rows = new Uint8Array(height * (width + 1)); // Each row begins with filter type 0.
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const header = new Uint8Array([...bigEndian(width), ...bigEndian(height), ...GREY_8_BIT]);
  const data = await pipe(new CompressionStream('deflate'), rows);
  const parts = [
    new Uint8Array(SIGNATURE),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', new Uint8Array()),
  ];
  return concatenate(parts);
}

/** Decode an 8-bit grey PNG without interlace to {width, height, pixels, texts}, its texts by name. */
export async function decodeGrey(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const parts = [];
  const texts = {};
  let width, height;
  for (let at = SIGNATURE.length; at < bytes.length;) {
    const size = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + size);
    if (kind === 'IHDR') [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (kind === 'IDAT') parts.push(body);
    if (kind === 'tEXt') {
      const [name, text] = new TextDecoder('latin1').decode(body).split('\0');
      texts[name] = text;
    }
    at += size + 12;
  }
  const rows = await pipe(new DecompressionStream('deflate'), concatenate(parts));
  return { width, height, pixels: unfilter(rows, width, height), texts };
}

// What each filter type predicts a pixel to be from those before it.
const PREDICTIONS = [() => 0, (left) => left, (_, up) => up, (left, up) => (left + up) >> 1, paeth];

function unfilter(rows, width, height) {
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const predict = PREDICTIONS[rows[y * (width + 1)]];
    for (let x = 0; x < width; x++) {
      const left = x ? pixels[y * width + x - 1] : 0;
      const up = y ? pixels[(y - 1) * width + x] : 0;
      const corner = x && y ? pixels[(y - 1) * width + x - 1] : 0;
      pixels[y * width + x] = rows[y * (width + 1) + 1 + x] + predict(left, up, corner);
    }
  }
  return pixels;
}

function paeth(left, up, corner) {
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

async function pipe(transform, bytes) {
  const writer = transform.writable.getWriter();
  writer.write(bytes);
  writer.close();
  return new Uint8Array(await new Response(transform.readable).arrayBuffer());
}

function concatenate(parts) {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function chunk(kind, body) {
  const type = Uint8Array.from(kind, (letter) => letter.charCodeAt(0));
  const out = new Uint8Array(body.length + 12);
  out.set(bigEndian(body.length), 0);
  out.set(type, 4);
  out.set(body, 8);
  out.set(bigEndian(crc32(out.subarray(4, 8 + body.length))), 8 + body.length);
  return out;
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function bigEndian(number) {
  return [number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff];
}
