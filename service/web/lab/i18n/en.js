export default {
  'lab.exhibits': 'Exhibits',
  'lab.part': 'Exhibit {number} · lecture: {part}',
  'lab.input': 'Input',
  'lab.map': 'Activation map',
  'lab.picture': 'Picture',
  'lab.digit': 'your digit',
  'lab.filter': 'Filter {filter}',
  'lab.sum': 'sum',
  'lab.play': 'Play',
  'lab.pause': 'Pause',

  'lab.convolution.title': 'Convolution by hand',
  'lab.convolution.part': 'convolution',
  'lab.convolution.text':
    'The kernel lies on a piece of the picture: each pair of numbers is multiplied, and the products are added up to one cell of the map. Then the kernel moves on by one cell, with the same weights everywhere.',
  'lab.convolution.five': 'the lecture’s 5 × 5',
  'lab.convolution.lectures': 'The lecture’s kernel',
  'lab.convolution.filter': 'Next filter',
  'lab.convolution.all': 'Draw all',
  'lab.convolution.keys': 'Point at the picture or at the map, or move with the arrow keys.',
  'lab.convolution.announcement': 'Row {row}, column {column}: {value}',
  'lab.convolution.served': 'the service says {value}',

  'lab.kernels.title': 'Kernels',
  'lab.kernels.part': 'different kernels, different maps',
  'lab.kernels.text':
    'Another kernel makes another filter: it finds upper edges or diagonals, sharpens or blurs. Choose one, type over any of its numbers, and see the map change at once.',

  'lab.channels.title': 'Many channels',
  'lab.channels.part': 'convolution for colour images',
  'lab.channels.text':
    'A kernel is as deep as its input: each channel has its own slice, and the sums of all channels and one bias are added up to one number. Six kernels make six maps, whether the input has one channel or three.',

  'lab.stride.title': 'Stride and padding',
  'lab.stride.part': 'stride and padding',
  'lab.stride.text':
    'Padding puts zeros around the input, the stride is how far the window moves at each step. Both decide how large the map becomes, and cells that no window reaches are dropped.',

  'lab.relu.title': 'ReLU',
  'lab.relu.part': 'activation function',
  'lab.relu.text':
    'After each convolution, ReLU lets positive values through and makes all others 0. Without it, all layers together would be no more than a single linear one.',

  'lab.pooling.title': 'Pooling',
  'lab.pooling.part': 'pooling',
  'lab.pooling.text':
    'Pooling makes one number of each window: the largest, or the average. The map becomes smaller, and the two react differently to noise.',

  'lab.connections.title': 'Who is connected to whom',
  'lab.connections.part': 'fully connected, locally connected, convolution',
  'lab.connections.text':
    'The same layer can be wired in three ways: all to all, each to its neighbourhood, or each to its neighbourhood with weights that all places share. The last is a convolution, and it needs by far the fewest parameters.',

  'lab.shift.title': 'Does it move?',
  'lab.shift.part': 'translation invariance',
  'lab.shift.text':
    'A convolution follows a digit that moves: its maps move along. The answer does not follow forever: shift, turn and scale the digit, and see where the network fails.',

  'lab.flow.title': 'The whole network at once',
  'lab.flow.part': 'CNN visualisation',
  'lab.flow.text':
    'The digit flows through all layers, from the pixels to the ten classes. Stop it anywhere, and point at any map to see what it is.',

  'lab.training.title': 'Training',
  'lab.training.part': 'recognising handwritten digits',
  'lab.training.text':
    'Six steps lead from the data to a network that reads digits; here is the code of each in this project. What came of it, the mistakes included, was measured on test digits that it had never seen.',

  'lab.model.title': 'The model',
  'lab.model.part': 'model.summary()',
  'lab.model.text':
    'This is the network that is being served, layer by layer, as its manifest has it. Every parameter count can be worked out from the shapes.',

  'lab.cell': 'row {row}, column {column}',

  'lab.show': 'Show',

  'lab.output': 'Output',

  'lab.channel': 'Channel',

  'lab.layer': 'Layer',

  'lab.kernels.presets': 'Kernels',
  'lab.kernels.edit': 'Kernel, yours to edit',
  'lab.kernels.how': 'Every number can be typed over.',
  'lab.kernels.up': 'Upper edge',
  'lab.kernels.down': 'Lower edge',
  'lab.kernels.diagonal': 'Diagonal',
  'lab.kernels.sharpen': 'Sharpen',
  'lab.kernels.blur': 'Blur',
  'lab.kernels.emboss': 'Emboss',
  'lab.kernels.identity': 'Identity',
  'lab.kernels.photo': 'photograph',
  'lab.kernels.credit': 'Photograph: “Chelsea” by Stéfan van der Walt, CC0',
  'lab.kernels.own': 'your picture',
  'lab.kernels.green': 'Input: the picture’s green channel',
  'lab.kernels.before': 'In colour',
  'lab.kernels.after': 'Each channel filtered, cut off at 0 and 1',
  'lab.kernels.unreadable': 'This file is no picture that the browser can read.',

  'lab.channels.rgb': 'the lecture’s colour example',
  'lab.channels.one': 'one channel, six kernels',
  'lab.channels.three': 'three channels, six kernels',
  'lab.channels.red': 'Channel 1, red',
  'lab.channels.green': 'Channel 2, green',
  'lab.channels.blue': 'Channel 3, blue',
  'lab.channels.kernel': 'Kernel, channel {channel}',
  'lab.channels.map': 'Map {filter}',
  'lab.channels.patch': 'Patch',
  'lab.channels.slip':
    'The lecture’s slide says “3x4x3” of this filter; it is 3 × 3 × 3: three rows, three columns, three channels.',

  'lab.stride.presets': 'The lecture’s cases',
  'lab.stride.size': 'input',
  'lab.stride.kernel': 'filter',
  'lab.stride.padding': 'padding',
  'lab.stride.stride': 'stride',
  'lab.stride.input': 'Input with its padding',
  'lab.stride.keys': 'Move the window with the pointer or the arrow keys.',
  'lab.stride.dropped':
    'The division leaves a remainder: rows and columns at the end, {count} of each, are read by no window and hatched here. That is what ⌊ ⌋, rounding down, means.',
  'lab.stride.slip':
    'The lecture says that padding 2 and stride 1 make 6 × 6 of 5 × 5. With its filter of 3 it is 7 × 7; 6 × 6 needs a filter of 4.',
  'lab.stride.shown':
    'Input of {size} × {size} with padding {padding}; the window of {kernel} × {kernel} begins in row {row}, column {column}',
  'lab.stride.made': 'Output of {output} × {output}, cell in row {row}, column {column}',
  'lab.stride.error.fit':
    'A filter of {kernel} does not fit into {room} cells: make it smaller, or add padding.',
  'lab.stride.error.size': 'The input needs a whole number of cells, at least 1.',
  'lab.stride.error.kernel': 'The filter needs a whole number of cells, at least 1.',
  'lab.stride.error.padding': 'Padding is a whole number, 0 or more.',
  'lab.stride.error.stride': 'The stride is a whole number, at least 1.',

  'lab.relu.rgb': '−25 is what the colour example of exhibit 3 adds up to.',
  'lab.relu.network': 'In the network',
  'lab.relu.before': 'Before ReLU',
  'lab.relu.after': 'After ReLU',
  'lab.relu.summary': '{silenced} of this map’s {count} values become 0: {share}.',
  'lab.relu.shares': 'Silenced, layer by layer',

  'lab.pooling.five': '5 × 5, window 3 × 3',
  'lab.pooling.four': '4 × 4, window 2 × 2',
  'lab.pooling.network': 'what {layer} pools',
  'lab.pooling.max': 'Max pooling',
  'lab.pooling.average': 'Average pooling',
  'lab.pooling.dots': 'A dot marks each cell that wins a window.',
  'lab.pooling.max.of': 'largest of {count}',
  'lab.pooling.average.of': 'average of {count}',
  'lab.pooling.announcement': 'Largest {max}, average {average}',
  'lab.pooling.noise.title': 'What noise does',
  'lab.pooling.noise': 'Noise',
  'lab.pooling.again': 'Other noise',
  'lab.pooling.clean': 'How far noise moves the values: none yet',
  'lab.pooling.moved': 'How far noise moves the values (root mean square)',
  'lab.pooling.lecture':
    'The lecture says that max pooling suppresses noise and is far better than average pooling. Averages shrink noise by their very nature; the largest value carries noise on, and is better at keeping a strong feature. Add noise and see.',

  'lab.connections.layer': 'Layer of this network',
  'lab.connections.own': 'other numbers',
  'lab.connections.size': 'Input side',
  'lab.connections.channels': 'Channels',
  'lab.connections.kernel': 'Kernel side',
  'lab.connections.filters': 'Filters',
  'lab.connections.full': 'Fully connected',
  'lab.connections.local': 'Locally connected',
  'lab.connections.shared': 'Convolution: shared weights',
  'lab.connections.shapes': 'From {input} to {output}, each wiring with its parameters:',
  'lab.connections.fit':
    'A kernel of {kernel} × {kernel} has no room in an input of {size} × {size}: there is no such layer. Make the kernel smaller or the input larger.',
  'lab.connections.drawing':
    'Drawn with {inputs} inputs and {outputs} outputs, a window of {window}. Lines of one colour have one weight. Point at an output, or use the arrow keys.',
  'lab.connections.full.label': 'Output {unit} is connected to all {inputs} inputs',
  'lab.connections.local.label': 'Output {unit} is connected to {window} inputs by weights of its own',
  'lab.connections.shared.label':
    'Output {unit} is connected to {window} inputs by the same weights as all others',

  'lab.shift.right': 'Right',
  'lab.shift.down': 'Down',
  'lab.shift.angle': 'Turn',
  'lab.shift.scale': 'Size',
  'lab.shift.reset': 'Back to the start',
  'lab.shift.moved': 'The digit, moved',
  'lab.shift.how': 'Drag it, or use the arrow keys.',
  'lab.shift.all': 'Confidence over all shifts',
  'lab.shift.kept': 'the same answer as at rest',
  'lab.shift.lost': 'at rest it was {label}',
  'lab.shift.counted':
    'Answered {label} in {kept} of {count} shifts; hatched where not. Point at a shift to try it.',
  'lab.shift.layers': 'Layer by layer, before and after',
  'lab.shift.channel': 'channel {channel}',
  'lab.shift.rest': 'at rest',
  'lab.shift.now': 'moved',
  'lab.shift.same': 'stays the same',
  'lab.shift.along': 'moves along',
  'lab.shift.note':
    '1 means exactly alike, up to a factor; 0 means nothing in common. A convolution moves along with the digit exactly, whatever the shift; pooling only by whole strides. That the answer stays the same is learnt, within limits, and not a property of convolution.',

  'lab.flow.position': 'Position',
  'lab.flow.name': 'The network. Arrow keys move over layers and channels, Space plays and stops.',
  'lab.flow.summary':
    '{parameters} parameters make {values} values of this digit. The lines are the largest contributions to the strongest channels of each layer.',
  'lab.flow.pick': 'Point at any map, unit or class.',
  'lab.flow.open': 'Why this value?',

  'lab.training.step.1': 'Import',
  'lab.training.step.2': 'Load the data, scale it to 0–1',
  'lab.training.step.3': 'Convolutions',
  'lab.training.step.4': 'Dense layers',
  'lab.training.step.5': 'Compile and train',
  'lab.training.step.6': 'Evaluate',
  'lab.training.recipes.title': 'The recipe, and what it came to',
  'lab.training.curves.title': 'After each epoch',
  'lab.training.confusion.title': 'What was taken for what',
  'lab.training.calibration.title': 'Is it as right as it is sure?',
  'lab.training.classes.title': 'Digit by digit',
  'lab.training.recipe': 'recipe “{name}”',
  'lab.training.alone':
    'The lecture’s recipe is not in this model’s report: there is nothing to compare with.',
  'lab.training.compared':
    'Measured on the same {count} test digits, which neither recipe was trained on. The model served here is the one of “{name}”.',
  'lab.training.epochs': 'Epochs',
  'lab.training.batch_size': 'Batch size',
  'lab.training.seconds': 'Seconds of training',
  'lab.training.accuracy': 'Accuracy',
  'lab.training.wrong': 'Wrong answers',
  'lab.training.loss': 'Loss',
  'lab.training.expected_calibration_error': 'Expected calibration error',
  'lab.training.val_accuracy': 'Accuracy, validation',
  'lab.training.val_loss': 'Loss, validation',
  'lab.training.on.training': 'training digits',
  'lab.training.on.validation': 'validation digits',
  'lab.training.harder':
    'On training digits the loss of this recipe is the higher one: they are distorted anew in each epoch, and their labels are softened.',
  'lab.training.epoch': 'Epoch',
  'lab.training.confusion.how': 'Rows: what it is. Columns: what the network said.',
  'lab.training.pick': 'Choose a number off the diagonal to see those digits.',
  'lab.training.mistakes': '{label} taken for {predicted}: {count}',
  'lab.training.digit': 'No. {index}, {confidence}',
  'lab.training.open': 'Open in the playground',
  'lab.training.calibration.how':
    'Each dot: digits answered with that confidence (across), and how many of them were right (up). On the line, both agree; expected calibration error {error}.',
  'lab.training.class': 'Digit',
  'lab.training.precision': 'Precision',
  'lab.training.recall': 'Recall',
  'lab.training.support': 'Test digits',
  'lab.training.none': 'This model came without a report.',

  'lab.model.table': 'Summary',
  'lab.model.version': 'version {version}',
  'lab.model.layer': 'Layer (type)',
  'lab.model.shape': 'Output shape',
  'lab.model.window': 'Window and activation',
  'lab.model.parameters': 'Param #',
  'lab.model.worked': 'Worked out',
  'lab.model.total': 'Total params',
  'lab.model.stride': 'stride {stride}',
  'lab.model.none':
    '“None” is the number of digits in a batch: any. A filter has a weight for each number that it reads, and one bias; pooling and flattening have nothing to learn.',
  'lab.model.facts': 'Where it comes from',
  'lab.model.created': 'Created',
  'lab.model.accuracy': 'Accuracy (test digits)',
  'lab.model.training': 'Training',
  'lab.model.training.recipe': 'recipe',
  'lab.model.training.seed': 'seed',
  'lab.model.training.backend': 'backend',
  'lab.model.training.device': 'device',
  'lab.model.training.seconds': 'seconds',
  'lab.model.training.epochs': 'epochs',
  'lab.model.training.teachers': 'teachers',
  'lab.model.training.teacher_epochs': 'teachers’ epochs',
  'lab.model.training.batch_size': 'batch size',
  'lab.model.training.peak_learning_rate': 'peak learning rate',
  'lab.model.training.weight_decay': 'weight decay',
  'lab.model.training.label_smoothing': 'label smoothing',
  'lab.model.training.wide': 'digits with a wide pen',
  'lab.model.training.numerals': 'drawn or printed digits of other forms',
  'lab.model.training.precision': 'number format',
  'lab.model.training.validation_size': 'validation digits',
  'lab.model.training.temperature': 'temperature',
  'lab.model.libraries': 'Libraries',
  'lab.model.sha256': 'SHA-256 of model.keras',
};
