/** Return the windows of a layer, as Keras places them.
 *
 * @param layer {inputShape, outputShape, kernelSize, strides, padding}
 * @returns {top, left}: padding before the first row and column.
 */
export function paddingOf({ inputShape, outputShape, kernelSize, strides, padding }) {
  const [top, left] = [0, 1].map((axis) => {
    if (padding === 'valid') return 0;
    const covered = (outputShape[axis] - 1) * strides[axis] + kernelSize[axis];
    return Math.floor(Math.max(covered - inputShape[axis], 0) / 2); // an odd cell is added at the end
  });
  return { top, left };
}

/** Call `visit(output, input, tap)` for every output place and every input place in its window, as
 * indices of places (row-major, without channels); tap is the kernel's place. Padding is left out.
 */
export function eachTap(layer, visit) {
  const { top, left } = paddingOf(layer);
  const [height, width] = layer.inputShape;
  const [rows, columns] = layer.outputShape;
  const [kernelRows, kernelColumns] = layer.kernelSize;
  const [down, across] = layer.strides;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const output = row * columns + column;
      const firstRow = row * down - top;
      const firstColumn = column * across - left;
      for (let i = Math.max(0, -firstRow); i < kernelRows && firstRow + i < height; i++) {
        for (let j = Math.max(0, -firstColumn); j < kernelColumns && firstColumn + j < width; j++) {
          visit(output, (firstRow + i) * width + firstColumn + j, i * kernelColumns + j);
        }
      }
    }
  }
}
