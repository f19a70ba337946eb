export default {
  'space.picture': '3-D picture of the network. Arrow keys rotate it, + and − zoom.',
  'space.same': 'Everything here is also in the main picture of the network.',
  'space.hint': 'Drag to rotate, scroll or pinch to zoom. Click a cell to select it.',
  'space.none': 'No cell selected',
  'space.overview': 'Overview',
  'space.front': 'Front',
  'space.side': 'Side',
  'space.top': 'Top',
  'space.missing': 'Your browser cannot draw in 3-D (WebGL 2). The main picture shows the same values.',
  'space.lost': 'The browser has stopped the 3-D picture. Close it and open it again.',
};
