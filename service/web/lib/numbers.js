/** Format a float32 as the shortest decimal that no other float32 has. */
export function exact(value) {
  if (Math.fround(value) !== value) return tidy(String(value)); // A float64, such as a sum.
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return tidy(String(Number(text)));
  }
  return tidy(String(value));
}

/** Format a number with four significant digits. */
export function short(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e4) return tidy(String(value));
  return tidy(size >= 1e4 || size < 0.001 ? value.toExponential(3) : value.toPrecision(4));
}

/** Format a share, such as 0.9987 as "99.87 %"; only 1 is "100.00 %" and only 0 is "0.00 %". */
export function percent(share) {
  if (share > 0.9999 && share < 1) return '> 99.99 %';
  if (share < 0.0001 && share > 0) return '< 0.01 %';
  return `${(100 * share).toFixed(2)} %`;
}

function tidy(text) {
  return text.replace('-', '−').replace(/e(.*)-/, 'e$1−');
}
