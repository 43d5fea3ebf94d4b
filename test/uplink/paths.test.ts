import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nameError, nameServersIn, silenceText } from '../../src/uplink/network/nameServers.ts';
import { awayFrom, betterThan, nameOf, type Path, pathsOf, routesOf } from '../../src/uplink/network/path.ts';
import { mostTelling, noPathError, PathError } from '../../src/uplink/network/pathError.ts';
import { firstOf } from '../../src/uplink/network/race.ts';

const V4 = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const V6 = ['2001:db8::1', '2001:db8::2'];
const WIFI = { name: 'wlan0', isMetered: false };
const MODEM = { name: 'wwan0', isMetered: true };
const ENDLESS = new AbortController().signal;
const names = (lanes: readonly (readonly Path[])[]) => lanes.map((lane) => lane.map(nameOf));

describe('the paths to the broker', () => {
  it('use port 8883, then port 443 with ALPN, unless a port is configured', () => {
    assert.deepEqual(routesOf(undefined), [
      { port: 8883, alpn: undefined },
      { port: 443, alpn: 'x-amzn-mqtt-ca', isGuess: true },
    ]);
    assert.deepEqual(routesOf(18_883), [{ port: 18_883, alpn: undefined }]);
    assert.deepEqual(
      routesOf(undefined, 443).map(({ port }) => port),
      [443, 8883],
    );
  });

  it('take turns between the address families, all of a port before the next port', () => {
    assert.deepEqual(names(pathsOf([], [...V6, ...V4], routesOf(undefined)))[0]?.slice(0, 5), [
      '[2001:db8::1]:8883',
      '192.0.2.1:8883',
      '[2001:db8::2]:8883',
      '192.0.2.2:8883',
      '[2001:db8::1]:443',
    ]);
  });

  it('are listed for each interface', () => {
    assert.deepEqual(names(pathsOf([WIFI, MODEM], V4.slice(0, 1), routesOf(8883))), [
      ['192.0.2.1:8883 by wlan0'],
      ['192.0.2.1:8883 by wwan0'],
    ]);
  });

  it('away from a dead one begin with other interfaces, then with the other address family, and end with the dead one', () => {
    const all = pathsOf([WIFI, MODEM], ['192.0.2.1', '2001:db8::1'], routesOf(8883));
    const dead = all[0]?.[0];
    assert.ok(dead);
    assert.deepEqual(names(awayFrom(all, dead)), [
      ['192.0.2.1:8883 by wwan0', '[2001:db8::1]:8883 by wwan0'],
      ['[2001:db8::1]:8883 by wlan0', '192.0.2.1:8883 by wlan0'],
    ]);
  });

  it('away from a dead one include that one if there is no other, because a new connection may work', () => {
    const all = pathsOf([], ['192.0.2.1'], routesOf(8883));
    assert.deepEqual(names(awayFrom(all, all[0]?.[0] as Path)), [['192.0.2.1:8883']]);
  });

  it('that are better use only the interfaces before the present one', () => {
    const all = pathsOf([WIFI, MODEM], ['192.0.2.1'], routesOf(8883));
    assert.deepEqual(names(betterThan(all, all[1]?.[0] as Path)), [['192.0.2.1:8883 by wlan0']]);
    assert.deepEqual(betterThan(all, all[0]?.[0] as Path), []);
  });
});

describe('the most telling failure', () => {
  const failure = (address: string, port: number, reason: string, guess: { isGuess?: true } = {}) =>
    new PathError({ interface: undefined, address, port, alpn: undefined, ...guess }, reason, reason);

  it('is an answer rather than silence, and silence rather than a missing network', () => {
    const missing = failure('2001:db8::1', 8883, 'ENETUNREACH');
    const silent = failure('192.0.2.1', 8883, 'ETIMEDOUT');
    const expired = failure('192.0.2.2', 8883, 'CERT_HAS_EXPIRED');
    assert.equal(mostTelling([missing, silent, expired], 'broker.example'), expired);
    assert.equal(mostTelling([missing, silent], 'broker.example'), silent);
  });

  it('on port 443 counts only for IoT Core, because other hosts often have a web server there', () => {
    const refused = failure('192.0.2.1', 8883, 'ECONNREFUSED');
    const untrusted = failure('192.0.2.1', 443, 'SELF_SIGNED_CERT_IN_CHAIN', { isGuess: true });
    assert.equal(mostTelling([refused, untrusted], 'broker.example'), refused);
    assert.equal(mostTelling([untrusted, refused], 'broker.example'), refused);
    assert.equal(mostTelling([refused, untrusted], 'abc-ats.iot.eu-central-1.amazonaws.com'), untrusted);
  });
});

describe('the text about all paths', () => {
  const failure = (address: string, port: number, message: string) =>
    new PathError({ interface: undefined, address, port, alpn: undefined }, message, 'ECONNREFUSED');

  it('names the host once, and each reason once with its addresses and ports', () => {
    const all = [
      failure('::1', 8883, 'connection refused'),
      failure('127.0.0.1', 8883, 'connection refused'),
      failure('127.0.0.1', 443, 'a web server answers'),
    ];
    const text = 'localhost at [::1]:8883 and 127.0.0.1:8883: connection refused; at 127.0.0.1:443: a web server answers';
    assert.equal(noPathError('localhost', all).message, text);
  });

  it('does not repeat a host that is an address', () => {
    const text = 'at 192.0.2.1:8883: connection refused';
    assert.equal(noPathError('192.0.2.1', [failure('192.0.2.1', 8883, 'connection refused')]).message, text);
  });

  it('says that the addresses are not from the name servers', () => {
    const { message } = noPathError('broker.example', [failure('192.0.2.1', 8883, 'no answer')], 'no name server answers');
    assert.match(message, /^no name server answers, so the agent tried the last known addresses; broker\.example at 192/);
  });
});

describe('the name servers', () => {
  it('are those of resolv.conf', () => {
    assert.deepEqual(nameServersIn('# by hand\nsearch lan\nnameserver 192.0.2.53\n  nameserver 2001:db8::53 # v6\n#nameserver 1.1.1.1\n'), [
      '192.0.2.53',
      '2001:db8::53',
    ]);
  });

  it('are named if they are silent, and their absence is', () => {
    assert.match(
      silenceText('a.example', ['192.0.2.53', '192.0.2.54']),
      /^the name servers 192\.0\.2\.53 and 192\.0\.2\.54 did not resolve/,
    );
    assert.match(silenceText('a.example', []), /^\/etc\/resolv\.conf names no name server/);
  });

  it('are not blamed for a name that does not exist', () => {
    const error = nameError('a.example', Object.assign(new Error('getaddrinfo ENOTFOUND a.example'), { code: 'ENOTFOUND' }));
    assert.deepEqual([error.message, error.reason], ['the name servers know no address of a.example', 'ENOTFOUND']);
  });
});

describe('attempts side by side', () => {
  const never = (signal: AbortSignal) =>
    new Promise<string>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  const fail = (text: string) => () => Promise.reject(new Error(text));

  it('start the next at once if all before it have failed', async () => {
    assert.equal(await firstOf([fail('a'), () => Promise.resolve('b')], 3_600_000, ENDLESS, () => {}), 'b');
  });

  it('start the next after the delay, and abort the slower one', async () => {
    const aborted: boolean[] = [];
    const slow = (signal: AbortSignal) => never(signal).finally(() => aborted.push(signal.aborted));
    assert.equal(await firstOf([slow, () => Promise.resolve('b')], 1, ENDLESS, () => {}), 'b');
    assert.deepEqual(aborted, [true]);
  });

  it('discard a value that comes late', async () => {
    const late: string[] = [];
    let end: (value: string) => void = () => {};
    const slow = new Promise<string>((resolve) => (end = resolve));
    const first = await firstOf([() => slow, () => Promise.resolve('first')], 0, ENDLESS, (value) => late.push(value));
    end('late');
    await slow;
    assert.deepEqual([first, late], ['first', ['late']]);
  });

  it('fail with the errors of all in their order', async () => {
    await assert.rejects(
      firstOf([fail('a'), fail('b')], 1, ENDLESS, () => {}),
      (error: AggregateError) => {
        assert.deepEqual(
          error.errors.map(({ message }) => message),
          ['a', 'b'],
        );
        return true;
      },
    );
  });

  it('end when the signal is aborted, also before the start', async () => {
    const stop = new AbortController();
    const running = firstOf([never, never], 3_600_000, stop.signal, () => {});
    stop.abort();
    await assert.rejects(running, AggregateError);
    await assert.rejects(
      firstOf([never, never], 1, stop.signal, () => {}),
      AggregateError,
    );
  });
});
