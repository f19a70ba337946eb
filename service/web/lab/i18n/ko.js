export default {
  'lab.exhibits': '전시',
  'lab.part': '전시 {number} · 강의: {part}',
  'lab.input': '입력',
  'lab.map': '특징맵',
  'lab.picture': '그림',
  'lab.digit': '내 숫자',
  'lab.filter': '필터 {filter}번',
  'lab.sum': '합',
  'lab.play': '재생',
  'lab.pause': '멈춤',

  'lab.convolution.title': '손으로 하는 합성곱',
  'lab.convolution.part': '합성곱',
  'lab.convolution.text':
    '커널을 그림의 한 조각에 겹쳐 놓고, 겹치는 수끼리 곱한 다음 모두 더하면 특징맵의 한 칸이 됩니다. 그런 다음 커널은 같은 가중치를 지닌 채 한 칸 옮겨 갑니다.',
  'lab.convolution.five': '강의의 5 × 5',
  'lab.convolution.lectures': '강의의 커널',
  'lab.convolution.filter': '다음 필터',
  'lab.convolution.all': '모두 그리기',
  'lab.convolution.keys': '그림이나 특징맵을 가리키거나 화살표 키로 옮기세요.',
  'lab.convolution.said': '{row}행 {column}열: {value}',
  'lab.convolution.served': '서비스의 값은 {value}',

  'lab.kernels.title': '커널',
  'lab.kernels.part': '서로 다른 커널의 합성곱 결과',
  'lab.kernels.text':
    '커널이 다르면 다른 필터가 되어 위쪽 경계나 대각선을 찾고, 선명하게 하거나 흐리게 합니다. 하나를 골라 수를 바꾸어 보면 특징맵이 바로 달라집니다.',

  'lab.channels.title': '여러 채널',
  'lab.channels.part': '컬러 이미지의 합성곱',
  'lab.channels.text':
    '커널은 입력과 깊이가 같아서 채널마다 자기 몫의 커널이 있고, 모든 채널의 합에 편향 하나를 더해 수 하나가 됩니다. 입력 채널이 하나든 셋이든, 커널 여섯 개는 특징맵 여섯 개를 만듭니다.',

  'lab.stride.title': '보폭과 패딩',
  'lab.stride.part': '보폭(Stride)과 패딩(Padding)',
  'lab.stride.text':
    '패딩은 입력 둘레에 0을 두르는 것이고, 보폭은 창이 한 번에 옮겨 가는 칸 수입니다. 이 둘이 특징맵의 크기를 정하고, 어떤 창도 닿지 않는 칸은 버려집니다.',

  'lab.relu.title': 'ReLU',
  'lab.relu.part': '활성 함수',
  'lab.relu.text':
    '합성곱이 끝날 때마다 ReLU는 양수는 그대로 내보내고 나머지는 모두 0으로 만듭니다. 이것이 없으면 모든 층을 합쳐도 선형 층 하나와 다를 바 없습니다.',

  'lab.pooling.title': '풀링',
  'lab.pooling.part': '풀링',
  'lab.pooling.text':
    '풀링은 창마다 최댓값 또는 평균, 곧 수 하나만 남깁니다. 특징맵은 작아지고, 두 방식은 노이즈에 다르게 반응합니다.',

  'lab.connections.title': '누가 누구와 이어졌나',
  'lab.connections.part': '완전연결, 국지연결, 합성곱',
  'lab.connections.text':
    '같은 층을 모두와 잇거나, 가까운 곳하고만 잇거나, 가까운 곳하고만 이으면서 가중치를 모든 자리가 함께 쓰게 할 수 있습니다. 마지막이 합성곱이며, 파라미터가 훨씬 적습니다.',

  'lab.shift.title': '옮겨도 알아볼까?',
  'lab.shift.part': '전이 불변',
  'lab.shift.text':
    '합성곱에서는 숫자가 움직이면 특징맵도 따라 움직입니다. 그러나 답이 끝까지 따라오지는 않으니, 숫자를 옮기고 돌리고 키워 보며 어디서 틀리는지 확인하세요.',

  'lab.flow.title': '신경망 전체를 한눈에',
  'lab.flow.part': 'CNN 시각화',
  'lab.flow.text':
    '숫자가 화소에서 열 개의 클래스까지 모든 층을 흘러갑니다. 아무 때나 멈추고, 특징맵을 가리켜 무엇인지 보세요.',

  'lab.training.title': '훈련',
  'lab.training.part': '손글씨 숫자 인식',
  'lab.training.text':
    '데이터에서 숫자를 읽는 신경망까지 여섯 단계이며, 단계마다 이 프로젝트의 코드를 보입니다. 결과는 틀린 것까지 포함해, 한 번도 본 적 없는 시험 숫자로 잰 것입니다.',

  'lab.model.title': '모델',
  'lab.model.part': 'model.summary()',
  'lab.model.text':
    '지금 서비스하고 있는 신경망을 매니페스트 그대로 층별로 보입니다. 모든 파라미터 수는 크기에서 계산해 낼 수 있습니다.',

  'lab.cell': '{row}행 {column}열',

  'lab.show': '보기',

  'lab.output': '출력',

  'lab.channel': '채널',

  'lab.layer': '층',

  'lab.kernels.presets': '커널',
  'lab.kernels.edit': '커널(고칠 수 있음)',
  'lab.kernels.how': '수를 마음대로 바꾸어 넣어 보세요.',
  'lab.kernels.up': '위쪽 경계',
  'lab.kernels.down': '아래쪽 경계',
  'lab.kernels.diagonal': '대각선',
  'lab.kernels.sharpen': '선명하게',
  'lab.kernels.blur': '흐리게',
  'lab.kernels.emboss': '양각',
  'lab.kernels.identity': '그대로',
  'lab.kernels.own': '내 그림',
  'lab.kernels.green': '입력: 그림의 초록 채널',
  'lab.kernels.before': '원래 색',
  'lab.kernels.after': '채널마다 필터를 적용(0과 1에서 자름)',
  'lab.kernels.unreadable': '브라우저가 읽을 수 있는 그림이 아닙니다.',

  'lab.channels.rgb': '강의의 컬러 예제',
  'lab.channels.one': '채널 하나, 커널 여섯',
  'lab.channels.three': '채널 셋, 커널 여섯',
  'lab.channels.red': '채널 1, 빨강',
  'lab.channels.green': '채널 2, 초록',
  'lab.channels.blue': '채널 3, 파랑',
  'lab.channels.kernel': '커널, 채널 {channel}',
  'lab.channels.map': '특징맵 {filter}',
  'lab.channels.patch': '패치',
  'lab.channels.slip':
    '강의에는 이 필터가 “3x4x3”으로 적혀 있지만 3 × 3 × 3입니다. 행 셋, 열 셋, 채널 셋입니다.',

  'lab.stride.presets': '강의의 예',
  'lab.stride.size': '입력',
  'lab.stride.kernel': '필터',
  'lab.stride.padding': '패딩',
  'lab.stride.stride': '보폭',
  'lab.stride.input': '패딩을 두른 입력',
  'lab.stride.keys': '포인터나 화살표 키로 창을 옮기세요.',
  'lab.stride.dropped':
    '나누어떨어지지 않아 빗금 친 마지막 {count}개의 행과 열은 어떤 창도 읽지 않습니다. 내림 ⌊ ⌋이 뜻하는 것이 바로 이것입니다.',
  'lab.stride.slip':
    '강의에는 패딩 2, 보폭 1이면 5 × 5가 6 × 6이 된다고 되어 있습니다. 강의의 3 × 3 필터로는 7 × 7이 되고, 6 × 6이 되려면 필터가 4 × 4여야 합니다.',
  'lab.stride.shown':
    '{size} × {size} 입력, 패딩 {padding}. {kernel} × {kernel} 창은 {row}행 {column}열에서 시작',
  'lab.stride.made': '{output} × {output} 출력, {row}행 {column}열',
  'lab.stride.error.fit':
    '크기 {kernel}인 필터는 {room}칸에 들어가지 않습니다. 필터를 줄이거나 패딩을 늘리세요.',
  'lab.stride.error.size': '입력의 크기는 1 이상의 정수여야 합니다.',
  'lab.stride.error.kernel': '필터의 크기는 1 이상의 정수여야 합니다.',
  'lab.stride.error.padding': '패딩은 0 이상의 정수입니다.',
  'lab.stride.error.stride': '보폭은 1 이상의 정수입니다.',

  'lab.relu.rgb': '−25는 전시 3의 컬러 예제를 더한 값입니다.',
  'lab.relu.network': '신경망에서는',
  'lab.relu.before': 'ReLU 앞',
  'lab.relu.after': 'ReLU 뒤',
  'lab.relu.told': '이 특징맵의 값 {count}개 가운데 {silenced}개가 0이 됩니다. {share}입니다.',
  'lab.relu.shares': '층마다 0이 되는 비율',

  'lab.pooling.five': '5 × 5, 창 3 × 3',
  'lab.pooling.four': '4 × 4, 창 2 × 2',
  'lab.pooling.network': '{layer}의 입력',
  'lab.pooling.max': '최대 풀링',
  'lab.pooling.average': '평균 풀링',
  'lab.pooling.dots': '점은 어느 창에서든 가장 큰 칸입니다.',
  'lab.pooling.max.of': '{count}개 가운데 최댓값',
  'lab.pooling.average.of': '{count}개의 평균',
  'lab.pooling.said': '최댓값 {max}, 평균 {average}',
  'lab.pooling.noise.title': '노이즈가 하는 일',
  'lab.pooling.noise': '노이즈',
  'lab.pooling.again': '다른 노이즈',
  'lab.pooling.clean': '노이즈 때문에 값이 달라진 정도: 아직 없음',
  'lab.pooling.moved': '노이즈 때문에 값이 달라진 정도(제곱평균제곱근)',
  'lab.pooling.lecture':
    '강의에서는 최대 풀링이 노이즈를 억제하며 평균 풀링보다 훨씬 뛰어나다고 합니다. 그러나 노이즈를 줄이는 것은 본래 평균이고, 최댓값은 노이즈도 함께 내보내지만 뚜렷한 특징을 더 잘 남깁니다. 노이즈를 더해 직접 확인하세요.',

  'lab.connections.layer': '이 신경망의 층',
  'lab.connections.own': '다른 수',
  'lab.connections.size': '입력 한 변',
  'lab.connections.channels': '채널',
  'lab.connections.kernel': '커널 한 변',
  'lab.connections.filters': '필터',
  'lab.connections.full': '완전연결',
  'lab.connections.local': '국지연결',
  'lab.connections.shared': '합성곱: 가중치 공유',
  'lab.connections.shapes': '{input}에서 {output}까지, 잇는 방법마다 필요한 파라미터:',
  'lab.connections.fit':
    '{kernel} × {kernel} 커널은 {size} × {size} 입력에 들어가지 않아, 이런 층은 있을 수 없습니다. 커널을 줄이거나 입력을 키우세요.',
  'lab.connections.drawing':
    '입력 {inputs}개, 출력 {outputs}개, 창 {window}칸으로 그렸습니다. 색이 같은 선은 같은 가중치입니다. 출력을 가리키거나 화살표 키를 쓰세요.',
  'lab.connections.full.said': '출력 {unit}: 입력 {inputs}개 모두와 이어져 있습니다',
  'lab.connections.local.said': '출력 {unit}: 자기만의 가중치로 입력 {window}개와 이어져 있습니다',
  'lab.connections.shared.said': '출력 {unit}: 다른 출력과 같은 가중치로 입력 {window}개와 이어져 있습니다',

  'lab.shift.right': '오른쪽',
  'lab.shift.down': '아래쪽',
  'lab.shift.angle': '회전',
  'lab.shift.scale': '크기',
  'lab.shift.reset': '처음으로',
  'lab.shift.moved': '옮긴 숫자',
  'lab.shift.how': '끌거나 화살표 키를 쓰세요.',
  'lab.shift.all': '모든 이동에 대한 확률',
  'lab.shift.kept': '옮기기 전과 같은 답',
  'lab.shift.lost': '옮기기 전에는 {label}',
  'lab.shift.counted':
    '이동 {count}가지 가운데 {kept}가지에서 답이 {label}입니다. 빗금은 다른 답입니다. 한 칸을 가리키면 그만큼 옮깁니다.',
  'lab.shift.layers': '층마다 옮기기 앞과 뒤',
  'lab.shift.rest': '옮기기 전',
  'lab.shift.now': '옮긴 뒤',
  'lab.shift.same': '그대로',
  'lab.shift.along': '따라 움직임',
  'lab.shift.note':
    '1은 (배율을 빼면) 똑같다는 뜻이고, 0은 닮은 데가 없다는 뜻입니다. 합성곱은 얼마를 옮기든 숫자를 정확히 따라 움직이지만, 풀링은 보폭만큼 옮길 때만 그렇습니다. 답이 변하지 않는 것은 합성곱의 성질이 아니라, 한계 안에서 학습된 것입니다.',

  'lab.flow.position': '위치',
  'lab.flow.name': '신경망. 화살표 키로 층과 채널을 옮기고, 스페이스 키로 재생하고 멈춥니다.',
  'lab.flow.told':
    '파라미터 {parameters}개가 이 숫자에서 값 {values}개를 만듭니다. 선은 층마다 가장 강한 채널에 가장 크게 기여한 것들입니다.',
  'lab.flow.pick': '특징맵, 유닛, 클래스 가운데 아무거나 가리키세요.',
  'lab.flow.open': '왜 이 값일까?',

  'lab.training.step.1': '임포트하기',
  'lab.training.step.2': '데이터셋을 준비하고 0~1로 정규화하기',
  'lab.training.step.3': '합성곱 층 만들기',
  'lab.training.step.4': 'Dense 층 추가하기',
  'lab.training.step.5': '컴파일과 훈련하기',
  'lab.training.step.6': '모델 평가',
  'lab.training.recipes.title': '훈련 방법과 그 결과',
  'lab.training.curves.title': '에포크마다',
  'lab.training.confusion.title': '무엇을 무엇으로 보았나',
  'lab.training.calibration.title': '확신하는 만큼 맞히는가',
  'lab.training.classes.title': '숫자별 결과',
  'lab.training.recipe': '“{name}” 방법',
  'lab.training.alone': '이 모델의 보고서에는 강의 방법의 결과가 없어 견줄 것이 없습니다.',
  'lab.training.epochs': '에포크',
  'lab.training.batch_size': '배치 크기',
  'lab.training.seconds': '훈련 시간(초)',
  'lab.training.accuracy': '정확도',
  'lab.training.wrong': '틀린 답',
  'lab.training.loss': '손실',
  'lab.training.expected_calibration_error': '보정 오차(ECE)',
  'lab.training.val_accuracy': '정확도(검증)',
  'lab.training.val_loss': '손실(검증)',
  'lab.training.on.training': '훈련 숫자',
  'lab.training.on.validation': '검증 숫자',
  'lab.training.epoch': '에포크',
  'lab.training.confusion.how': '행은 실제 숫자, 열은 신경망의 답입니다.',
  'lab.training.pick': '대각선 밖의 수를 고르면 그 숫자들을 볼 수 있습니다.',
  'lab.training.mistakes': '실제 {label}, 답 {predicted}: {count}',
  'lab.training.digit': '{index}번, {confidence}',
  'lab.training.open': '놀이터에서 열기',
  'lab.training.calibration.how':
    '점은 그만큼의 확률로 답한 숫자들(가로)과 그 가운데 맞힌 비율(세로)입니다. 선 위에 있으면 둘이 같습니다. 보정 오차 {error}.',
  'lab.training.class': '숫자',
  'lab.training.precision': '정밀도',
  'lab.training.recall': '재현율',
  'lab.training.support': '시험 숫자 수',
  'lab.training.none': '이 모델에는 보고서가 없습니다.',

  'lab.model.table': '요약',
  'lab.model.version': '버전 {version}',
  'lab.model.layer': '층 (종류)',
  'lab.model.shape': '출력 크기',
  'lab.model.window': '창과 활성 함수',
  'lab.model.parameters': '파라미터 수',
  'lab.model.worked': '계산',
  'lab.model.total': '전체 파라미터',
  'lab.model.stride': '보폭 {stride}',
  'lab.model.none':
    '“None”은 배치에 든 숫자의 개수로, 몇이든 됩니다. 필터에는 읽는 수마다 가중치 하나와 편향 하나가 있고, 풀링과 평탄화에는 학습할 것이 없습니다.',
  'lab.model.facts': '어디서 왔나',
  'lab.model.created': '만든 날',
  'lab.model.accuracy': '정확도(시험 숫자)',
  'lab.model.training': '훈련',
  'lab.model.libraries': '라이브러리',
  'lab.model.sha256': 'model.keras의 SHA-256',
};
