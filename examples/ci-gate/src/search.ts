// The search of the shop, in the browser.
import { OpenFeature } from '@openfeature/web-sdk';

const flags = OpenFeature.getClient();

export function searchUrl(words: string): string {
  const engine = flags.getStringValue('search.engine', 'classic');
  return `/search/${engine}?q=${encodeURIComponent(words)}`;
}
