// What is written to real connections, plain and over TLS, goes through a gate: whole, in order, in pieces, and not at all while something
// more urgent is on its way.
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

/** Time enough for what should not come. */
const QUIET_MS = 100;
const QUICK: PathState = { window: 1024 ** 2 };

interface Ends {
  readonly here: Socket;
  readonly there: Socket;
  /** What came there. */
  readonly came: Buffer[];
}

interface Kind {
  readonly name: string;
  readonly ends: () => Promise<Ends>;
  readonly stop: () => void;
}

const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-gate-'));
const kinds: Kind[] = [];

const kindOf = async (name: string, server: Server, dial: (port: number) => Socket, up: string): Promise<Kind> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ends = async () => {
    const arriving = once(server, up === 'connect' ? 'connection' : 'secureConnection') as Promise<[Socket]>;
    const here = dial((server.address() as AddressInfo).port).setNoDelay(true);
    const [[there]] = await Promise.all([arriving, once(here, up)]);
    const came: Buffer[] = [];
    there.on('data', (bytes: Buffer) => came.push(bytes)).on('error', () => {});
    return { here, there, came };
  };
  return { name, ends, stop: () => server.close() };
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

const gateOf = (way: PathState, yields = () => false, up: Promise<unknown> = Promise.resolve(), signal = new AbortController().signal) => ({
  pace: new Pace(null, performance.now(), way),
  yields,
  up,
  signal,
});

/** Each test on both. */
const both = (sentence: string, test: (ends: Ends) => Promise<void>) => {
  for (const n of [0, 1]) {
    it(`${sentence}, ${n === 0 ? 'plain' : 'over TLS'}`, { timeout: 30_000 }, async () => {
      const ends = await (kinds[n] as Kind).ends();
      try {
        await test(ends);
      } finally {
        ends.here.destroy();
        ends.there.destroy();
      }
    });
  }
};

const sha = (parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
const lengthOf = (parts: readonly Buffer[]) => parts.reduce((sum, { length }) => sum + length, 0);

describe('what goes through a gate', () => {
  for (const [name, way] of [
    ['where nothing is known of the way', {}],
    ['on a quick one', QUICK],
  ] as const) {
    both(`comes whole and in order, text and bytes, many at once ${name}`, async ({ here, there, came }) => {
      setGate(here, gateOf({ ...way }));
      const parts = [Buffer.from('PUT /é HTTP/1.1\r\n\r\n', 'latin1'), ...Array.from({ length: 40 }, (_, n) => randomBytes(n * 4_001))];
      here.cork();
      here.write('PUT /é HTTP/1.1\r\n\r\n', 'latin1');
      for (const part of parts.slice(1)) here.write(part);
      here.uncork();
      here.end();
      await once(there, 'end');
      assert.equal(sha(came), sha(parts));
    });
  }

  both('goes in small pieces until the way is known, each when the one before has arrived', async ({ here, came }) => {
    const gate = gateOf({});
    setGate(here, gate);
    await new Promise((resolve) => here.write(randomBytes(2_000), resolve));
    while (lengthOf(came) < 2_000) await sleep(1);
    assert.equal(came[0]?.length, 256);
    assert.ok(came.length >= 3, `${came.length} pieces`);
    assert.equal(gate.pace.given, 2_000);
  });

  both('waits while something more urgent is on its way, in the midst of a head too', async ({ here, came }) => {
    let isOver = false;
    setGate(
      here,
      gateOf({}, () => came.length > 0 && !isOver),
    );
    here.write(randomBytes(1_300));
    while (came.length === 0) await sleep(1);
    await sleep(QUIET_MS);
    assert.equal(lengthOf(came), 256);
    isOver = true;
    while (lengthOf(came) < 1_300) await sleep(1);
  });

  both('does not wait for it on a quick way, but for what is more than TCP begins with', async ({ here, came }) => {
    setGate(
      here,
      gateOf({ ...QUICK }, () => true),
    );
    here.write(randomBytes(1_300));
    here.write(randomBytes(100_000));
    while (lengthOf(came) < 14_600) await sleep(1);
    await sleep(QUIET_MS);
    assert.equal(lengthOf(came), 14_600);
  });

  both('is not begun before the connection is up, and is dropped with an error where it is over', async ({ here, came }) => {
    const over = new AbortController();
    let isUp = () => {};
    const up = new Promise<void>((resolve) => {
      isUp = resolve;
    });
    const gate = gateOf({}, () => true, up, over.signal);
    setGate(here, gate);
    const ended = new Promise<Error | null | undefined>((resolve) => here.on('error', () => {}).write('x', resolve));
    await sleep(QUIET_MS);
    isUp();
    over.abort();
    assert.match(String((await ended)?.message), /ended before all was sent/);
    assert.equal(lengthOf(came), 0);
  });

  both('gives back pressure, and more than the kernel takes at once arrives', async ({ here, there, came }) => {
    setGate(here, gateOf({ ...QUICK }));
    there.pause();
    const parts = Array.from({ length: 64 }, () => randomBytes(256 * 1024));
    for (const part of parts) if (!here.write(part)) there.resume();
    here.end();
    await once(there, 'end');
    assert.equal(sha(came), sha(parts));
  });

  both('goes at the pace of the next request on a connection that is kept', async ({ here, came }) => {
    const gates = [gateOf({}), gateOf({ ...QUICK })];
    for (const gate of gates) {
      const before = lengthOf(came);
      setGate(here, gate);
      here.write(randomBytes(1_000));
      while (lengthOf(came) < before + 1_000) await sleep(1);
    }
    assert.deepEqual(
      gates.map(({ pace }) => pace.given),
      [1_000, 1_000],
    );
    assert.equal(came.at(-1)?.length, 1_000);
  });
});
