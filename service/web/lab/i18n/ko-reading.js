// For readers who do not know the lecture: a sentence of context, and where to read on.

export default {
  'lab.convolution.context': '합성곱 신경망은 경계선 같은 작은 패턴을 이미지 전체에서 찾습니다.',
  'lab.convolution.link': '위키백과: 합성곱 신경망',
  'lab.convolution.url':
    'https://ko.wikipedia.org/wiki/%ED%95%A9%EC%84%B1%EA%B3%B1_%EC%8B%A0%EA%B2%BD%EB%A7%9D',
  'lab.kernels.context':
    '이미지 편집기도 이런 커널로 선명하게 하거나 흐리게 하며, 신경망은 커널의 가중치를 스스로 학습합니다.',
  'lab.kernels.link': '위키백과: 이미지 처리의 커널(영어)',
  'lab.kernels.url': 'https://en.wikipedia.org/wiki/Kernel_(image_processing)',
  'lab.channels.context': '컬러 이미지는 픽셀마다 빨강, 초록, 파랑의 세기를 적은 표 세 장입니다.',
  'lab.channels.link': 'Dive into Deep Learning: 다중 채널(영어)',
  'lab.channels.url': 'https://d2l.ai/chapter_convolutional-neural-networks/channels.html',
  'lab.stride.context': '신경망에서는 보폭으로 맵을 줄이고, 패딩으로 맵의 크기를 유지합니다.',
  'lab.stride.link': 'Dive into Deep Learning: 패딩과 보폭(영어)',
  'lab.stride.url': 'https://d2l.ai/chapter_convolutional-neural-networks/padding-and-strides.html',
  'lab.relu.context':
    'ReLU(rectified linear unit)는 이미지용 신경망에서 가장 널리 쓰이는 활성화 함수입니다.',
  'lab.relu.link': '위키백과: ReLU(영어)',
  'lab.relu.url': 'https://en.wikipedia.org/wiki/Rectified_linear_unit',
  'lab.pooling.context': '맵이 작아지면 계산량이 줄고, 특징의 위치가 조금 달라져도 값이 덜 바뀝니다.',
  'lab.pooling.link': 'Dive into Deep Learning: 풀링(영어)',
  'lab.pooling.url': 'https://d2l.ai/chapter_convolutional-neural-networks/pooling.html',
  'lab.connections.context': '가중치가 적은 신경망은 메모리와 학습 데이터가 적게 듭니다.',
  'lab.connections.link': 'Dive into Deep Learning: 완전 연결 층에서 합성곱으로(영어)',
  'lab.connections.url': 'https://d2l.ai/chapter_convolutional-neural-networks/why-conv.html',
  'lab.shift.context': '숫자는 어디에 있든 알아볼 수 있어야 하지만, 합성곱 신경망은 일부만 그렇게 합니다.',
  'lab.shift.link': 'Zhang (2019): Making Convolutional Networks Shift-Invariant Again(영어)',
  'lab.shift.url': 'https://arxiv.org/abs/1904.11486',
  'lab.flow.context': '앞쪽 층은 경계와 획에, 뒤쪽 층은 숫자의 더 큰 부분에 반응합니다.',
  'lab.flow.link': 'CNN Explainer: 컬러 이미지 신경망 단계별 보기(영어)',
  'lab.flow.url': 'https://poloclub.github.io/cnn-explainer/',
  'lab.training.context':
    '손글씨 숫자 70,000개로 된 MNIST는 이미지 분류를 처음 배울 때 쓰는 대표적인 데이터셋입니다.',
  'lab.training.link': 'TensorFlow: 초보자를 위한 MNIST 튜토리얼',
  'lab.training.url': 'https://www.tensorflow.org/tutorials/quickstart/beginner?hl=ko',
  'lab.model.context':
    '파라미터는 훈련으로 조정되는 가중치와 편향이며, 케라스는 어느 모델이든 이런 표를 출력합니다.',
  'lab.model.link': 'Keras: 모델 요약(영어)',
  'lab.model.url': 'https://keras.io/api/models/model/',
};
