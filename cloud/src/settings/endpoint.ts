// Where the broker is, as AWS_IOT_ENDPOINT says it: `host`, `host:port` or `mqtts://host:port`.
import { isIPv6 } from 'node:net';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** False for a broker on this machine only (`mqtt://localhost:1883`): nothing leaves it in the clear. */
  readonly tls: boolean;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** @returns the endpoint, or what is wrong with the text. */
export function endpointOf(text: string): Endpoint | string {
  const address = /^[a-z]+:\/\//i.test(text) ? text : `mqtts://${text}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url?.hostname || (url.pathname !== '' && url.pathname !== '/') || url.username || url.search || url.hash) {
    return 'expected a host, host:port or mqtts://host:port';
  }
  if (url.protocol !== 'mqtts:' && url.protocol !== 'mqtt:') return `${url.protocol}// is not spoken here; expected mqtts://`;
  const tls = url.protocol === 'mqtts:';
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  const host = isIPv6(bare) ? bare : url.hostname;
  if (!tls && !LOOPBACK.test(host)) return 'without TLS only a broker on this machine is taken; expected mqtts://';
  return { host, port: url.port ? Number(url.port) : tls ? 8883 : 1883, tls };
}
