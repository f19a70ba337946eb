/** Return the steps of the tour for a network: {name, target (a selector), cell(values) → the cell to
 * open with the answer, and the values that the texts contain}.
 */
export function stepsOf(network) {
  const convolution = network.layers.find(({ kind }) => kind.family === 'convolution');
  const pooling = network.layers.find(({ kind }) => kind.keepsLargest);
  const { input, last } = network;
  const column = (layer) => `[data-layer="${CSS.escape(layer.name)}"]`;
  const strongestOf = (layer) => (values) => strongestCell(values, layer);
  const size = `${input.height} × ${input.width}`;
  return [
    { name: 'digit', target: '#digit', size },
    ...(convolution
      ? [
          {
            name: 'filters',
            target: column(convolution),
            count: convolution.channels,
            layer: convolution.name,
          },
          {
            name: 'cell',
            target: '#inspector',
            cell: strongestOf(convolution),
            layer: convolution.name,
            window: convolution.kernelSize.join(' × '),
            count: convolution.kernelSize[0] * convolution.kernelSize[1] * input.channels,
          },
        ]
      : []),
    ...(pooling
      ? [
          {
            name: 'pool',
            target: '#inspector',
            cell: strongestOf(pooling),
            window: pooling.kernelSize.join(' × '),
          },
        ]
      : []),
    {
      name: 'class',
      target: '#inspector',
      cell: (values) => ({ layer: last.name, channel: values.ranking()[0].index }),
    },
  ];
}

/** Return the cell of a layer that is furthest from 0. */
function strongestCell(values, layer) {
  const all = values.of(layer);
  const best = all.reduce((most, value, i) => (Math.abs(value) > Math.abs(all[most]) ? i : most), 0);
  return values.strongest(layer, best % layer.channels);
}
