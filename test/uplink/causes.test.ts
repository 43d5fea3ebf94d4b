import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectCause } from '../../src/uplink/index.ts';
import { certificateFault } from '../../src/uplink/network/shown.ts';

const NOW = Date.now();
const CLOCK = { trusted: () => true, wall: () => NOW };
const OWN = { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY };
const IOT = 'abc-ats.iot.eu-central-1.amazonaws.com';

describe('the cause of a failed connection', () => {
  it('is never silence if the broker has answered', () => {
    const answers = [...Array.from({ length: 5 }, (_, i) => i + 1), ...Array.from({ length: 35 }, (_, i) => 0x80 + i)];
    for (const code of answers) assert.notEqual(connectCause(code, CLOCK, OWN), 'broker_unreachable', String(code));
  });

  it('is never silence if a TLS handshake failed', () => {
    for (const code of ['ERR_SSL_BAD_ECPOINT', 'ERR_SSL_TLSV1_ALERT_DECODE_ERROR', 'ERR_SSL_UNSUPPORTED_PROTOCOL'])
      assert.equal(connectCause(code, CLOCK, OWN), 'broker_tls_mismatch', code);
  });

  it('is another service if the server does not offer MQTT by ALPN', () =>
    assert.equal(connectCause('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', CLOCK, OWN), 'broker_other_service'));

  it('distinguishes a name that does not exist from silent name servers', () =>
    assert.deepEqual(
      ['ENOTFOUND', 'EAI_AGAIN'].map((code) => connectCause(code, CLOCK, OWN)),
      ['broker_name_unknown', 'name_servers_silent'],
    ));
});

describe('a certificate that is not trusted', () => {
  const shown = { subject: IOT, issuer: 'Corporate Inspection CA', issuedBy: 'Example Corp', notAfterMs: Date.UTC(2030, 0, 31), names: '' };
  const amazon = { ...shown, issuer: 'Amazon RSA 2048 M01', issuedBy: 'Amazon' };
  const fault = (of: typeof shown, host: string) => certificateFault('SELF_SIGNED_CERT_IN_CHAIN', of, host, '');

  it('is an interception if an IoT Core endpoint shows one that is not from AWS', () => {
    const found = fault(shown, IOT);
    assert.match(found?.text ?? '', /^the server shows the certificate abc-ats\S+ by Corporate Inspection CA until 2030-01-31, which/);
    assert.equal(connectCause(found?.reason, CLOCK, OWN), 'broker_intercepted');
  });

  it('is a wrong root CA if the endpoint shows one of AWS, and for any other broker', () => {
    assert.equal(connectCause(fault(amazon, IOT)?.reason, CLOCK, OWN), 'broker_untrusted');
    assert.equal(connectCause(fault(shown, 'broker.example')?.reason, CLOCK, OWN), 'broker_untrusted');
  });
});
