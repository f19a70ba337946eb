// Image files that the user opens. They stay on the page, because these exhibits need no network.

const MIN_SIDE = 8; // pixels

/** Return the channels of an image file as three maps, red, green and blue in 0–1, reduced so that no
 * side is longer than `side` pixels.
 */
export async function channelsOf(file, side) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(side / Math.max(bitmap.width, bitmap.height), 1);
  const [width, height] = [bitmap.width, bitmap.height].map((size) =>
    Math.max(Math.round(size * scale), MIN_SIDE),
  );
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff'; // the background of transparent pixels
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return [0, 1, 2].map((channel) => ({
    rows: height,
    columns: width,
    values: Float64Array.from({ length: width * height }, (_, i) => data[4 * i + channel] / 255),
  }));
}

/** Combine three maps to one colour image; values beyond 0–1 are clamped. */
export function colourImage([red, green, blue]) {
  const { rows, columns } = red;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    image.data.set([255 * red.values[i], 255 * green.values[i], 255 * blue.values[i], 255], 4 * i);
  }
  return image;
}
