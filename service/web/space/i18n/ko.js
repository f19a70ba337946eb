export default {
  'space.picture': '신경망의 3차원 그림. 화살표 키로 돌리고, + 와 − 키로 확대·축소합니다.',
  'space.same': '여기에 있는 내용은 모두 신경망의 기본 그림에도 있습니다.',
  'space.hint': '끌어서 돌리고, 스크롤하거나 두 손가락으로 확대·축소하세요. 셀을 누르면 선택됩니다.',
  'space.none': '선택한 셀 없음',
  'space.overview': '전체',
  'space.front': '앞',
  'space.side': '옆',
  'space.top': '위',
  'space.missing': '이 브라우저는 3차원 그림(WebGL 2)을 그릴 수 없습니다. 기본 그림에 같은 값이 있습니다.',
  'space.lost': '브라우저가 3차원 그림을 중단했습니다. 닫았다가 다시 열어 주세요.',
};
