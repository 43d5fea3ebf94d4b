// Checks the gate on real connections, plain and over TLS: it passes all bytes in order and in pieces, and none while an alert is in
// flight.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { benchCertificates } from '../../../src/identity/index.ts';
import { setGate } from '../../../src/uploads/adaptive/gate.ts';
import { Pace, type PathState } from '../../../src/uploads/adaptive/pace.ts';

/** In this time, bytes that the gate should hold back would arrive. */
const QUIET_MS = 100;
const FAST: PathState = { window: 1024 ** 2 };

interface Ends {
  readonly client: Socket;
  readonly server: Socket;
  /** The bytes that arrived at the server. */
  readonly arrived: Buffer[];
}

interface Kind {
  readonly name: string;
  readonly ends: () => Promise<Ends>;
  readonly stop: () => void;
}

const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-gate-'));
const kinds: Kind[] = [];

const kindOf = async (name: string, listener: Server, dial: (port: number) => Socket, up: string): Promise<Kind> => {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const ends = async () => {
    const accepted = once(listener, up === 'connect' ? 'connection' : 'secureConnection') as Promise<[Socket]>;
    const client = dial((listener.address() as AddressInfo).port).setNoDelay(true);
    const [[server]] = await Promise.all([accepted, once(client, up)]);
    const arrived: Buffer[] = [];
    server.on('data', (bytes: Buffer) => arrived.push(bytes)).on('error', () => {});
    return { client, server, arrived };
  };
  return { name, ends, stop: () => listener.close() };
};

before(async () => {
  const { ca, broker } = await benchCertificates(folder, 'elderly-bot');
  const tls = createTlsServer({ cert: readFileSync(broker.cert), key: readFileSync(broker.key) });
  const dial = (port: number) => tlsConnect({ port, host: '127.0.0.1', servername: 'localhost', ca: readFileSync(ca) });
  kinds.push(await kindOf('a plain connection', createServer(), (port) => connect(port, '127.0.0.1'), 'connect'));
  kinds.push(await kindOf('TLS', tls, dial, 'secureConnect'));
});

after(() => {
  for (const { stop } of kinds) stop();
  rmSync(folder, { recursive: true });
});

const gateOf = (
  path: PathState,
  yields = () => false,
  up: Promise<unknown> = Promise.resolve(),
  signal = new AbortController().signal,
) => ({
  pace: new Pace(null, performance.now(), path),
  yields,
  up,
  signal,
});

/** Runs a test on both kinds of connection. */
const both = (title: string, test: (ends: Ends) => Promise<void>) => {
  for (const n of [0, 1]) {
    it(`${title}, ${n === 0 ? 'plain' : 'over TLS'}`, { timeout: 300_000 }, async () => {
      const ends = await (kinds[n] as Kind).ends();
      try {
        await test(ends);
      } finally {
        ends.client.destroy();
        ends.server.destroy();
      }
    });
  }
};

const sha = (parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
const lengthOf = (parts: readonly Buffer[]) => parts.reduce((sum, { length }) => sum + length, 0);

describe('the gate', () => {
  for (const [name, path] of [
    ['an unknown path', {}],
    ['a fast path', FAST],
  ] as const) {
    both(`passes many writes, text and bytes, complete and in order on ${name}`, async ({ client, server, arrived }) => {
      setGate(client, gateOf({ ...path }));
      const parts = [Buffer.from('PUT /é HTTP/1.1\r\n\r\n', 'latin1'), ...Array.from({ length: 40 }, (_, n) => randomBytes(n * 4_001))];
      client.cork();
      client.write('PUT /é HTTP/1.1\r\n\r\n', 'latin1');
      for (const part of parts.slice(1)) client.write(part);
      client.uncork();
      client.end();
      await once(server, 'end');
      assert.equal(sha(arrived), sha(parts));
    });
  }

  both('passes small pieces on an unknown path, each after the arrival of the previous one', async ({ client, arrived }) => {
    const gate = gateOf({});
    setGate(client, gate);
    await new Promise((resolve) => client.write(randomBytes(2_000), resolve));
    while (lengthOf(arrived) < 2_000) await sleep(1);
    assert.equal(arrived[0]?.length, 256);
    assert.ok(arrived.length >= 3, `${arrived.length} pieces`);
    assert.equal(gate.pace.sent, 2_000);
  });

  both('waits while an alert is in flight, even in the middle of a head', async ({ client, arrived }) => {
    let isOver = false;
    setGate(
      client,
      gateOf({}, () => arrived.length > 0 && !isOver),
    );
    client.write(randomBytes(1_300));
    while (arrived.length === 0) await sleep(1);
    await sleep(QUIET_MS);
    assert.equal(lengthOf(arrived), 256);
    isOver = true;
    while (lengthOf(arrived) < 1_300) await sleep(1);
  });

  both('passes only TCP’s initial window on a fast path while an alert is in flight', async ({ client, arrived }) => {
    setGate(
      client,
      gateOf({ ...FAST }, () => true),
    );
    client.write(randomBytes(1_300));
    client.write(randomBytes(100_000));
    while (lengthOf(arrived) < 14_600) await sleep(1);
    await sleep(QUIET_MS);
    assert.equal(lengthOf(arrived), 14_600);
  });

  both('passes nothing before the connection is open, and reports an error after the end of the request', async ({ client, arrived }) => {
    const over = new AbortController();
    let open = () => {};
    const up = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gate = gateOf({}, () => true, up, over.signal);
    setGate(client, gate);
    const ended = new Promise<Error | null | undefined>((resolve) => client.on('error', () => {}).write('x', resolve));
    await sleep(QUIET_MS);
    open();
    over.abort();
    assert.match(String((await ended)?.message), /ended before all bytes were sent/);
    assert.equal(lengthOf(arrived), 0);
  });

  both('applies back pressure, and passes more than the kernel’s buffers can hold', async ({ client, server, arrived }) => {
    setGate(client, gateOf({ ...FAST }));
    server.pause();
    const parts = Array.from({ length: 64 }, () => randomBytes(256 * 1024));
    for (const part of parts) if (!client.write(part)) server.resume();
    client.end();
    await once(server, 'end');
    assert.equal(sha(arrived), sha(parts));
  });

  both('uses the pace of the next request on a kept connection', async ({ client, arrived }) => {
    const gates = [gateOf({}), gateOf({ ...FAST })];
    for (const gate of gates) {
      const before = lengthOf(arrived);
      setGate(client, gate);
      client.write(randomBytes(1_000));
      while (lengthOf(arrived) < before + 1_000) await sleep(1);
    }
    assert.deepEqual(
      gates.map(({ pace }) => pace.sent),
      [1_000, 1_000],
    );
    assert.equal(arrived.at(-1)?.length, 1_000);
  });
});
