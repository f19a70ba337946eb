// The lecture's six steps in this project's code; tests/web/test_steps.py compares each line with its file.

export const STEPS = [
  { file: 'training/model.py', code: ['import keras', 'import numpy as np', 'from keras import layers'] },
  {
    file: 'service/model/normalisation.py',
    code: ['floats = pixels.astype(np.float32)', 'floats /= np.float32(255)'],
  },
  {
    file: 'training/model.py',
    code: [
      'layers.Conv2D(32, (3, 3), activation="relu", name="conv2d"),',
      'layers.MaxPooling2D((2, 2), name="max_pooling2d"),',
      'layers.Conv2D(64, (3, 3), activation="relu", name="conv2d_1"),',
      'layers.MaxPooling2D((2, 2), name="max_pooling2d_1"),',
      'layers.Conv2D(64, (3, 3), activation="relu", name="conv2d_2"),',
    ],
  },
  {
    file: 'training/model.py',
    code: [
      'layers.Flatten(name="flatten"),',
      'layers.Dense(64, activation="relu", name="dense"),',
      'layers.Dense(CLASSES, activation=output_activation, name="dense_1"),',
    ],
  },
  {
    file: 'training/train.py',
    code: [
      'model.compile(',
      '    optimizer="adam",',
      '    loss="sparse_categorical_crossentropy",',
      '    metrics=["accuracy"],',
      '    jit_compile=is_gpu(),',
      ')',
      'fit(model, run, resume, epochs, [recorder], **data)',
    ],
    command: 'python -m training train --recipe lecture',
  },
  {
    file: 'training/__main__.py',
    code: ['report = evaluate(model, mnist.test_images, mnist.test_labels)'],
    command: 'python -m training evaluate --run runs/lecture',
  },
];
