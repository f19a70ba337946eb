/** Return a file's media type; a file that is no image is sent as bytes, so that the service does not
 * parse it as JSON or as a form.
 */
export function typeOf({ type }) {
  return type.startsWith('image/') ? type : 'application/octet-stream';
}
