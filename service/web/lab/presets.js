// The lecture's numbers, and the classic kernels.

/** The lecture's 5 × 5 image (green) and its 3 × 3 kernel (yellow). */
export const PICTURE = [
  [1, 1, 1, 0, 0],
  [0, 1, 1, 1, 0],
  [0, 0, 1, 1, 1],
  [0, 0, 1, 1, 0],
  [0, 1, 1, 0, 0],
];
export const CROSS = [
  [1, 0, 1],
  [0, 1, 0],
  [1, 0, 1],
];

/** The corner of the lecture's colour image: red, green and blue, with zeros as padding. */
export const RGB = [
  [
    [0, 0, 0, 0, 0, 0],
    [0, 156, 155, 156, 158, 158],
    [0, 153, 154, 157, 159, 159],
    [0, 149, 151, 155, 158, 159],
    [0, 146, 146, 149, 153, 158],
    [0, 145, 143, 143, 148, 158],
  ],
  [
    [0, 0, 0, 0, 0, 0],
    [0, 167, 166, 167, 169, 169],
    [0, 164, 165, 168, 170, 170],
    [0, 160, 162, 166, 169, 170],
    [0, 156, 156, 159, 163, 168],
    [0, 155, 153, 153, 158, 168],
  ],
  [
    [0, 0, 0, 0, 0, 0],
    [0, 163, 162, 163, 165, 165],
    [0, 160, 161, 164, 166, 166],
    [0, 156, 158, 162, 165, 166],
    [0, 155, 155, 158, 162, 167],
    [0, 154, 152, 152, 157, 167],
  ],
];
export const RGB_KERNELS = [
  [
    [-1, -1, 1],
    [0, 1, -1],
    [0, 1, 1],
  ],
  [
    [1, 0, 0],
    [1, -1, -1],
    [1, 0, -1],
  ],
  [
    [0, 1, 1],
    [0, 1, 0],
    [1, -1, 1],
  ],
];
export const RGB_BIAS = 1;

/** The lecture's maps for pooling: 5 × 5 with 3 × 3 windows, and 4 × 4 with 2 × 2 windows. */
export const POOLED_5 = [
  [3, 3, 2, 1, 0],
  [0, 0, 1, 3, 1],
  [3, 1, 2, 2, 3],
  [2, 0, 0, 2, 2],
  [2, 0, 0, 0, 1],
];
export const POOLED_4 = [
  [12, 20, 30, 0],
  [8, 12, 2, 0],
  [34, 70, 37, 4],
  [112, 100, 25, 12],
];

const NINTH = 1 / 9;

/** An edge is named after its side of the stroke, whose values are higher than the background's. */
export const KERNELS = {
  up: [
    [-1, -1, -1],
    [0, 0, 0],
    [1, 1, 1],
  ],
  down: [
    [1, 1, 1],
    [0, 0, 0],
    [-1, -1, -1],
  ],
  diagonal: [
    [0, 1, 1],
    [-1, 0, 1],
    [-1, -1, 0],
  ],
  sharpen: [
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ],
  blur: [
    [NINTH, NINTH, NINTH],
    [NINTH, NINTH, NINTH],
    [NINTH, NINTH, NINTH],
  ],
  emboss: [
    [-2, -1, 0],
    [-1, 1, 1],
    [0, 1, 2],
  ],
  identity: [
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ],
};

/** The lecture's cases of stride and padding; `slip` where the lecture's result was wrong. */
export const STRIDES = [
  { size: 5, kernel: 3, padding: 0, stride: 1 },
  { size: 5, kernel: 3, padding: 0, stride: 2 },
  { size: 5, kernel: 3, padding: 1, stride: 1 },
  { size: 5, kernel: 3, padding: 1, stride: 2 },
  { size: 5, kernel: 3, padding: 2, stride: 1, slip: true },
  { size: 5, kernel: 4, padding: 2, stride: 1, slip: true },
];
