import { MatrixError } from '@limpet/protocol/matrix-error';

const MAX_URL_CHARACTERS = 4_096;

/**
 * The URL of a page as it is asked for: without its fragment. Throws M_INVALID_PARAM for what is no http or https URL,
 * has a name and a password in it, or is too long.
 */
export function previewUrl(text: string): string {
  if (text.length > MAX_URL_CHARACTERS) {
    throw new MatrixError('M_INVALID_PARAM', `A URL may have ${MAX_URL_CHARACTERS} characters at most.`);
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOfPage = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === undefined || !isOfPage || url.username !== '' || url.password !== '') {
    throw new MatrixError('M_INVALID_PARAM', '"url" must be a whole http or https URL, without a user name.');
  }
  url.hash = '';
  return url.href;
}
