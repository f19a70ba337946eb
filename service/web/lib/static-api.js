import { intensities } from '../models/pixels.js';
import { Api, Problem } from './api.js';

/** What the page requests, on a site without the service: the model's files, and answers of the page's
 * own copy of the network. Everything else needs the service.
 */
export class StaticApi extends Api {
  isStatic = true;
  #files;
  #resolve;
  /** A promise of what computes in the page, which `computeWith` keeps. */
  page = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  /** @param files {route: file}, which tools/site.py writes into the page. */
  constructor(files) {
    super(null);
    this.#files = files;
  }

  /** Compute in the page, see models/requests.js. */
  computeWith(page) {
    this.#resolve(page);
  }

  models = async () => ({ models: [] }); // There is one model, hence none to choose.

  predict = async ({ pixels, count }) => {
    const { local, network } = await this.page;
    const size = pixels.length / count;
    const inputs = Array.from({ length: count }, (_, i) =>
      intensities({ pixels: pixels.subarray(i * size, (i + 1) * size) }),
    );
    const predictions = (await local.classify(inputs)).map((probabilities) => ({
      label: network.labels[probabilities.indexOf(Math.max(...probabilities))],
      probabilities: Object.fromEntries(network.labels.map((label, i) => [label, probabilities[i]])),
    }));
    return { predictions };
  };

  occlusion = async (digit) => (await this.page).occlude(digit, []);

  /** Return the response with the file of a route. */
  async respond(method, route) {
    if (method !== 'GET') throw new Problem({ type: 'needs-service' });
    const file = this.#files[route];
    if (!file) throw new Problem({ type: 'not-in-bundle' });
    return super.respond(method, file);
  }
}
