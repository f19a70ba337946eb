// A region is a rectangle of cells or pixels: {top, left, height, width}.

/** Cut a region off at the borders of a map. */
export function clip({ top, left, height, width }, rows, columns) {
  const [bottom, right] = [Math.min(top + height, rows), Math.min(left + width, columns)];
  [top, left] = [Math.max(top, 0), Math.max(left, 0)];
  return { top, left, height: bottom - top, width: right - left };
}

/** Return the region of one cell. */
export const cellRegion = (row, column) => ({ top: row, left: column, height: 1, width: 1 });

/** Return the regions of a map that no window reads: what lies below row `bottom` and right of
 * column `right`, where the last window ends.
 */
export function unreadRegions(rows, columns, bottom, right) {
  return [
    { top: bottom, left: 0, height: rows - bottom, width: columns },
    { top: 0, left: right, height: bottom, width: columns - right },
  ].filter(({ height, width }) => height > 0 && width > 0);
}
