// Decides whether a URL may be used without TLS.

const LOCAL = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?(\/|$)/i;

/** Whether a URL needs no TLS because it is on this machine, or is not http. */
export function isEncryptedOrLocal(url: string): boolean {
  return !url.startsWith('http:') || LOCAL.test(url);
}
