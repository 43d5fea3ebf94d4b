// Says why a secured connection did not become an MQTT session: the broker's refusal in words, or a server that does not speak MQTT. Pure.
import { codeOf } from '../base/index.ts';
import { OTHER_SERVICE } from './connectError.ts';
import { serviceOf } from './network/service.ts';
import { sentenceOf } from './network/transport.ts';
import { reasonWords } from './reasons.ts';

/** The CONNACK codes of MQTT 3.1.1 (3.2.2.3). Code 7 is not in the standard, but IoT Core uses it. */
const OLD_CODES: Readonly<Record<number, string>> = {
  1: 'unsupported MQTT version',
  2: 'client id not valid',
  3: 'server unavailable',
  4: 'bad user name or password',
  5: 'not authorized',
  7: 'not authorized',
};

/** The first byte of a CONNACK. */
const CONNACK = 0x20;

/** @param first the first bytes of the server's answer. */
export function connectFault(error: Error, first: Buffer): { readonly text: string; readonly reason: string | number | undefined } {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number') return { text: `the broker refuses the connection: ${refusalWords(code)}`, reason: code };
  if (code === undefined && first.length > 0 && first[0] !== CONNACK) {
    return serviceOf(first) ?? { text: `the server does not answer with MQTT: ${sentenceOf(error)}`, reason: OTHER_SERVICE };
  }
  return { text: sentenceOf(error), reason: codeOf(error) };
}

function refusalWords(code: number): string {
  const old = OLD_CODES[code];
  return old === undefined ? reasonWords(code) : `${old} (code ${code})`;
}
