/** The tour's steps for a network: {name, target (selector), cell(values) → what is revealed, …texts}. */
export function stepsOf(network) {
  const convolution = network.layers.find((layer) => layer.isConvolution);
  const pooling = network.layers.find((layer) => layer.kind === 'MaxPooling2D');
  const { input, last } = network;
  const column = (layer) => `[data-layer="${CSS.escape(layer.name)}"]`;
  const livelier = (layer) => (values) => liveliest(values, layer);
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
            cell: livelier(convolution),
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
            cell: livelier(pooling),
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

/** The cell of a layer that is furthest from 0. */
function liveliest(values, layer) {
  const all = values.of(layer);
  const best = all.reduce((most, value, i) => (Math.abs(value) > Math.abs(all[most]) ? i : most), 0);
  return values.strongest(layer, best % layer.channels);
}
