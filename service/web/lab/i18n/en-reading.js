// For readers who do not know the lecture: a sentence of context, and where to read on.

export default {
  'lab.convolution.context':
    'A convolutional network looks for small patterns, such as edges, everywhere in an image.',
  'lab.convolution.link': 'CS231n: the convolutional layer',
  'lab.convolution.url': 'https://cs231n.github.io/convolutional-networks/#conv',
  'lab.kernels.context':
    'Image editors sharpen and blur with such kernels; a network learns the weights of its own.',
  'lab.kernels.link': 'Wikipedia: kernels in image processing',
  'lab.kernels.url': 'https://en.wikipedia.org/wiki/Kernel_(image_processing)',
  'lab.channels.context':
    'A colour image is three tables of numbers: how much red, green and blue each pixel has.',
  'lab.channels.link': 'Dive into Deep Learning: multiple channels',
  'lab.channels.url': 'https://d2l.ai/chapter_convolutional-neural-networks/channels.html',
  'lab.stride.context': 'Networks use strides to make maps smaller, and padding to keep their size.',
  'lab.stride.link': 'Dive into Deep Learning: padding and stride',
  'lab.stride.url': 'https://d2l.ai/chapter_convolutional-neural-networks/padding-and-strides.html',
  'lab.relu.context':
    'ReLU, short for rectified linear unit, is the most common activation function in networks for images.',
  'lab.relu.link': 'Wikipedia: rectified linear unit',
  'lab.relu.url': 'https://en.wikipedia.org/wiki/Rectified_linear_unit',
  'lab.pooling.context': 'Smaller maps need less computation and change less when a feature moves a little.',
  'lab.pooling.link': 'Dive into Deep Learning: pooling',
  'lab.pooling.url': 'https://d2l.ai/chapter_convolutional-neural-networks/pooling.html',
  'lab.connections.context': 'A network with fewer weights needs less memory and fewer examples to learn from.',
  'lab.connections.link': 'Dive into Deep Learning: from fully connected layers to convolutions',
  'lab.connections.url': 'https://d2l.ai/chapter_convolutional-neural-networks/why-conv.html',
  'lab.shift.context':
    'A digit should be recognised wherever it is; a convolutional network achieves this only in part.',
  'lab.shift.link': 'Zhang (2019): Making Convolutional Networks Shift-Invariant Again',
  'lab.shift.url': 'https://arxiv.org/abs/1904.11486',
  'lab.flow.context': 'The first layers respond to edges and strokes, the later ones to larger parts of a digit.',
  'lab.flow.link': 'CNN Explainer: a network for colour images, step by step',
  'lab.flow.url': 'https://poloclub.github.io/cnn-explainer/',
  'lab.training.context':
    'MNIST, 70,000 handwritten digits, is the classic data set for a first image classifier.',
  'lab.training.link': 'Keras: a simple convolutional network for MNIST',
  'lab.training.url': 'https://keras.io/examples/vision/mnist_convnet/',
  'lab.model.context':
    'Parameters are the weights and biases that training adjusts; Keras prints such a table for any model.',
  'lab.model.link': 'Keras: the summary of a model',
  'lab.model.url': 'https://keras.io/api/models/model/',
};
