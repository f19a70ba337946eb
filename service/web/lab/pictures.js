// Pictures that a person chooses, in the page alone: exhibits that need no network take any picture.

const SMALLEST_SIDE = 8;

/** Channels of a chosen file: {channels: [map, map, map]} red, green, blue in 0–1, made smaller so
 * that no side is longer than `side` pixels.
 */
export async function channelsOf(file, side) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(side / Math.max(bitmap.width, bitmap.height), 1);
  const [width, height] = [bitmap.width, bitmap.height].map((size) =>
    Math.max(Math.round(size * scale), SMALLEST_SIDE),
  );
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff'; // under what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return [0, 1, 2].map((channel) => ({
    rows: height,
    columns: width,
    values: Float64Array.from({ length: width * height }, (_, i) => data[4 * i + channel] / 255),
  }));
}

/** Three maps as one colour picture; what lies beyond 0–1 is cut off. */
export function colourImage([red, green, blue]) {
  const { rows, columns } = red;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    image.data.set([255 * red.values[i], 255 * green.values[i], 255 * blue.values[i], 255], 4 * i); // clamped
  }
  return image;
}
