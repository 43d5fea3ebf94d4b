// Runs the real uplink against a broker whose connections die silently, and the handover against links that the test controls.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import type { Search } from '../../src/uplink/dialer.ts';
import { Handover, nextReturnMs } from '../../src/uplink/handover.ts';
import type { Path } from '../../src/uplink/network/path.ts';
import type { Opened } from '../../src/uplink/opener.ts';
import type { Link } from '../../src/uplink/session.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink } from '../support/uplink.ts';

const LONG_MS = 60_000;

describe('a connection that dies silently', () => {
  let folder: string;
  let files: BenchFiles;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-handover-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is reported as a broker that does not answer if no other connection helps', async () => {
    const broker = await ScriptedBroker.start(files, { onPublish: () => false });
    const bench = startUplink(files, broker.port, { alertTimeoutMs: 50, ackTimeoutMs: 400 });
    try {
      bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      await until(() => bench.raised.includes('mqtt_ended') || bench.raised.includes('broker_silent'), 'the problem is raised');
      assert.ok(broker.connects <= 6, `${broker.connects} connects`);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('is replaced also during a stop, which sends the alert and the goodbye over the new one', async () => {
    const broker = await ScriptedBroker.start(files);
    const bench = startUplink(files, broker.port, {
      alertTimeoutMs: 200,
      ackTimeoutMs: LONG_MS,
      keepaliveMs: LONG_MS,
      intervalMs: LONG_MS,
    });
    try {
      await until(() => bench.uplink.status().acknowledged.length > 0, 'the first message is acknowledged');
      const finished = new Promise<void>((resolve) => {
        broker.behave({
          onPublish: (_packet, wire) => {
            wire.mute();
            broker.behave({
              onConnect: () => {
                void bench.uplink.finish(LONG_MS).then(resolve);
                return true;
              },
            });
            return false;
          },
        });
      });
      bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      await finished;
      assert.deepEqual([broker.taken.size, broker.connects], [1, 2]);
      assert.match(broker.texts.at(-1) ?? '', /"reason":"stopped"/);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });
});

describe('a handover', () => {
  const path = (name: string): Path => ({ interface: { name, isMetered: false }, address: '192.0.2.1', port: 8883, alpn: undefined });
  const ENDLESS = new AbortController().signal;

  /** The searches that were begun. Each waits for `ready`, which stands for a secured path. */
  function bench(alertTimeoutMs = LONG_MS) {
    const searches: { search: Search; secure: () => Promise<void>; fail: () => Promise<void>; isAborted: () => boolean }[] = [];
    const time = { ms: 0 };
    const open = (search: Search, signal: AbortSignal, ready: () => Promise<void> = () => Promise.resolve()): Promise<Opened> =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')));
        const secure = async () => {
          await ready();
          resolve({ session: link('new'), id: 'new', renewAfterMs: undefined, path: undefined, tookMs: 0 });
        };
        const fail = async () => {
          await ready();
          reject(new Error('CONNECT has no answer'));
        };
        searches.push({ search, secure, fail, isAborted: () => signal.aborted });
      });
    const events: string[] = [];
    const link = (name: string, over = 'wlan0') =>
      ({
        path: path(over),
        localAddress: '198.51.100.7',
        drop: () => void events.push(`${name} dropped`),
        close: async () => void events.push(`${name} closed`),
      }) as unknown as Link;
    const handover = new Handover({
      clock: { wall: Date.now, mono: () => time.ms, trusted: () => true },
      log: pino({ level: 'silent' }),
      interfaces: [path('wlan0').interface, path('wwan0').interface].filter((through) => through !== undefined),
      alertTimeoutMs,
      opener: { open },
      mayMove: () => true,
    });
    return { handover, searches, events, link, time };
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('from a path whose local address is lost keeps the session until the new one is connected', async () => {
    const { handover, searches, events, link } = bench();
    handover.watch(link('old'), ENDLESS).stop();
    handover.linksChanged({ added: [], gone: ['wlan0 198.51.100.7'] });
    assert.equal(searches.length, 0, 'nothing to leave without a connection');
    const look = handover.watch(link('old'), ENDLESS);
    handover.linksChanged({ added: [], gone: ['wlan0 198.51.100.7'] });
    await turn();
    assert.deepEqual([searches[0]?.search.kind, handover.isReplacing, events], ['away', false, []]);
    await searches[0]?.secure();
    await turn();
    assert.deepEqual([handover.isReplacing, events], [true, ['old dropped']]);
    look.stop();
    assert.equal((await handover.take())?.id, 'new');
    assert.equal(handover.isUnderWay, false);
  });

  it('ends if the broker acknowledges the alert before another path is secured', async () => {
    const { handover, searches, link } = bench(1);
    const look = handover.watch(link('old'), ENDLESS);
    handover.alerts.sent();
    await until(() => searches.length === 1, 'the search has begun');
    handover.alerts.answered(0);
    await turn();
    assert.deepEqual([searches[0]?.isAborted(), handover.isUnderWay], [true, false]);
    look.stop();
  });

  it('back to a preferred interface closes the session cleanly, before the new CONNECT', async () => {
    const { handover, searches, events, link } = bench();
    const look = handover.watch(link('old', 'wwan0'), ENDLESS);
    handover.linksChanged({ added: ['wlan0 198.51.100.9'], gone: [] });
    await turn();
    assert.equal(searches[0]?.search.kind, 'better');
    await searches[0]?.secure();
    assert.deepEqual(events, ['old closed', 'old dropped']);
    look.stop();
    assert.equal((await handover.take())?.id, 'new');
  });

  it('back is given up if the session ends before the preferred interface is secured', async () => {
    const { handover, searches, link } = bench();
    const look = handover.watch(link('old', 'wwan0'), ENDLESS);
    handover.linksChanged({ added: ['wlan0 198.51.100.9'], gone: [] });
    await turn();
    look.stop();
    assert.equal(handover.isUnderWay, false);
    assert.equal(await handover.take(), undefined);
    assert.equal(searches[0]?.isAborted(), true);
  });

  it('that is cancelled after it succeeded leaves no second session', async () => {
    const { handover, searches, events, link } = bench();
    const look = handover.watch(link('old'), ENDLESS);
    handover.linksChanged({ added: [], gone: ['wlan0 198.51.100.7'] });
    await turn();
    await searches[0]?.secure();
    await turn();
    handover.cancel();
    look.stop();
    assert.equal(await handover.take(), undefined);
    assert.deepEqual(events, ['old dropped', 'new dropped']);
  });

  it('does not begin on the preferred interface when another link comes up', async () => {
    const { handover, searches, link } = bench();
    const look = handover.watch(link('old'), ENDLESS);
    handover.linksChanged({ added: ['wwan0 198.51.100.9'], gone: [] });
    await turn();
    assert.equal(searches.length, 0);
    look.stop();
  });

  it('back comes later and later if the preferred interface has a path, but no connection', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { handover, searches, link, time } = bench();
    const waits: number[] = [];
    for (let n = 1; n <= 4; n++) {
      const look = handover.watch(link('old', 'wwan0'), ENDLESS);
      const sinceMs = time.ms;
      while (searches.length < n) {
        time.ms += 5_000;
        t.mock.timers.tick(5_000);
        await turn();
      }
      waits.push(time.ms - sinceMs);
      await searches.at(-1)?.fail();
      look.stop();
      time.ms += 20_000;
      assert.equal(await handover.take(), undefined);
    }
    assert.deepEqual(waits, [20_000, 40_000, 80_000, 160_000]);
    const look = handover.watch(link('old', 'wwan0'), ENDLESS);
    handover.linksChanged({ added: ['wlan0 198.51.100.9'], gone: [] });
    assert.equal(handover.isUnderWay, false, 'a link that comes and goes brings it forward');
    look.stop();
  });

  it('comes later for the next alert if the broker is slow, because each handover loses the acknowledgement', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { handover, searches, link } = bench(5_000);
    handover.watch(link('old'), ENDLESS);
    handover.alerts.sent();
    t.mock.timers.tick(5_000);
    await turn();
    await searches[0]?.secure();
    await handover.take();
    handover.alerts.reset();
    for (const tookMs of [5_100, 5_100]) {
      handover.watch(link('new'), ENDLESS);
      handover.alerts.sent();
      t.mock.timers.tick(tookMs);
      handover.alerts.answered(tookMs);
      await turn();
    }
    assert.equal(searches.length, 1);
    handover.alerts.sent();
    handover.alerts.answered(100);
    handover.alerts.sent();
    t.mock.timers.tick(5_000);
    await turn();
    assert.equal(searches.length, 2);
    handover.cancel();
  });

  it('back comes later and later while the preferred interface keeps failing', () => {
    assert.deepEqual(
      [nextReturnMs(20_000, 5_000), nextReturnMs(400_000, 5_000), nextReturnMs(400_000, 120_000)],
      [40_000, 600_000, 20_000],
    );
  });
});
