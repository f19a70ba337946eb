/** Format a float32 as the shortest decimal that no other float32 has. */
export function exact(value) {
  if (Math.fround(value) !== value) return tidy(String(value)); // A float64, such as a sum.
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return tidy(String(Number(text)));
  }
  return tidy(String(value));
}

/** Format a number in four significant digits; whole numbers below 100,000 keep all of theirs. */
export function short(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 100_000) return tidy(String(value));
  const rounded = Number(value.toPrecision(4));
  const isPlain = Math.abs(rounded) < 100_000 && size >= 0.001;
  return tidy(isPlain ? String(rounded) : rounded.toExponential());
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
