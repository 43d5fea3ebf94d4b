// Checks what a monitor permits: connections, slow clients, many requests, and the names by which it is called.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { namesThisMachine } from '../../src/status/host.ts';
import { MAX_CONNECTIONS } from '../../src/status/httpServer.ts';
import { Monitor } from '../../src/status/index.ts';

describe('a monitor', () => {
  let monitor: Monitor;
  let port: number;
  let made: number;
  let probed: number;
  let sockets: Socket[];

  beforeEach(async () => {
    [made, probed, sockets] = [0, 0, []];
    monitor = new Monitor({
      listen: '127.0.0.1:0',
      probe: async () => void probed++,
      problems: () => [],
      metrics: () => `made ${++made}\n`,
    });
    port = Number((await monitor.start()).split(':')[1]);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await monitor.stop();
  });

  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {}).resume();
    await once(socket, 'connect');
    return socket;
  };
  const get = (path: string, host = `127.0.0.1:${port}`) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      request({ port, host: '127.0.0.1', path, agent: false, headers: { host } }, async (answer) => {
        let text = '';
        for await (const part of answer) text += String(part);
        resolve({ status: answer.statusCode, text });
      })
        .once('error', reject)
        .end();
    });

  it('keeps at most 16 connections, and answers a new one beside them', async () => {
    const first = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, open));
    const closed = Promise.all(first.slice(0, 4).map((socket) => once(socket, 'close')));
    for (let n = 0; n < 3; n++) await open();
    assert.equal((await get('/metrics')).status, 200);
    await closed;
    assert.equal(sockets.filter((socket) => !socket.destroyed).length, MAX_CONNECTIONS - 1);
  });

  it('closes connections that send nothing, or a header slowly', async () => {
    const [silent, slow] = [await open(), await open()];
    const slowly = setInterval(() => slow.write('x'), 100);
    slow.write('GET /metrics HTTP/1.1\r\nhost: ');
    await Promise.all([once(silent, 'close'), once(slow, 'close')]);
    clearInterval(slowly);
  });

  it('makes the metrics and asks the probe at most once per second', async () => {
    const startMs = performance.now();
    for (let n = 0; n < 10; n++) for (const path of ['/metrics', '/healthz']) assert.equal((await get(path)).status, 200);
    const most = 1 + Math.ceil((performance.now() - startMs) / 1_000);
    assert.ok(made >= 1 && made <= most && probed <= most, `${made} and ${probed} times`);
  });

  it('refuses more than 50 requests per second', async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, () => get('/metrics').catch(() => undefined)));
    assert.ok(answers.some((answer) => answer?.status === 429));
  });

  it('refuses the name of a web page whose server leads to this machine', async () => {
    assert.equal((await get('/metrics', `evil.example:${port}`)).status, 421);
    assert.equal((await get('/metrics', `localhost:${port}`)).status, 200);
    assert.equal(made, 1);
  });
});

describe('the Host header', () => {
  const isKnown = (host: string | undefined, listen = '0.0.0.0') => namesThisMachine(host, listen, 'robot7.example.org');

  it('may have an address, a local name, the machine’s name or the name in health.listen', () => {
    for (const host of [
      '10.0.0.7:9469',
      '[fd12::7]:9469',
      'localhost:9469',
      'robot7',
      'robot7.local:9469',
      'ROBOT7.lan',
      'robot7.example.org',
    ])
      assert.ok(isKnown(host), host);
    assert.ok(isKnown(undefined));
    assert.ok(isKnown('robot7.vpn.example:9469', 'robot7.vpn.example'));
  });

  it('may have no other name', () => {
    for (const host of [
      'evil.example',
      'robot7.evil.example:9469',
      '10.0.0.7.evil.example',
      'local.evil',
      'robot7.example.org.evil.example',
      'a.b.',
    ])
      assert.ok(!isKnown(host), host);
  });
});
