// Places the nodes of a graph in columns and lanes: a column for each step from the input, a lane for
// each parallel path, and a way for each link around the nodes between its ends.

export const SOURCE = null; // an input that is not among the nodes; it is left of the first column

/** Return {places: Map of key → {column, lane}, links, columns, lanes, arcs}.
 *
 * A link is {from, to, via}: `via` is null between neighbouring columns, else {lane} where it runs
 * along a lane that is free, else {arc}, its level above all lanes.
 *
 * @param nodes [{key, inputs: keys, or SOURCE}], none of which takes values of a later one.
 */
export function place(nodes) {
  const places = new Map([[SOURCE, { column: -1, lane: 0 }]]);
  const used = new Set();
  const name = (column, lane) => `${column},${lane}`;
  const range = (first, end) => Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
  const isFree = (lane, first, end) => range(first, end).every((column) => !used.has(name(column, lane)));
  const occupy = (lane, first, end) => range(first, end).forEach((column) => used.add(name(column, lane)));
  const links = [];
  for (const { key, inputs } of nodes) {
    const sources = [...new Set(inputs)].map((input) => ({ input, ...places.get(input) }));
    const column = 1 + Math.max(-1, ...sources.map((source) => source.column));
    const straight = sources
      .filter((source) => isFree(source.lane, source.column + 1, column + 1))
      .map(({ lane }) => lane);
    let lane = straight.length ? Math.min(...straight) : 0;
    while (!isFree(lane, column, column + 1)) lane++;
    occupy(lane, column, column + 1);
    places.set(key, { column, lane });
    for (const source of sources) {
      const link = { from: source.input, to: key, via: null };
      const [first, end] = [source.column + 1, column];
      if (end > first) {
        const free = [source.lane, lane].find((each) => isFree(each, first, end));
        if (free !== undefined) occupy(free, first, end);
        link.via = free === undefined ? { arc: null, first, end } : { lane: free };
      }
      links.push(link);
    }
  }
  const arcs = levels(links.map(({ via }) => via).filter((via) => via?.arc === null));
  const all = [...used].map((each) => each.split(',').map(Number));
  const count = (index) => 1 + Math.max(-1, ...all.map((each) => each[index]));
  return { places, links, columns: count(0), lanes: count(1), arcs };
}

/** Give arcs that overlap levels of their own, the shortest the lowest; return their number. */
function levels(arcs) {
  const above = [];
  for (const arc of arcs.toSorted((a, b) => a.end - a.first - (b.end - b.first))) {
    let level = above.findIndex((others) =>
      others.every(({ first, end }) => arc.first > end || first > arc.end),
    );
    if (level < 0) level = above.push([]) - 1;
    above[level].push(arc);
    arc.arc = level;
  }
  return above.length;
}
