// Checks that a stop ends the link, even in the middle of a connect or a subscription.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { unlessStopped } from '../../src/uplink/connectError.ts';
import { type Connect, type Link, Session } from '../../src/uplink/session.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const STOPPED_WITHIN_MS = 5_000;

const MOMENTS = ['the connection was made', 'the subscription was answered'] as const;

describe('a stop', { timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-stop-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('ends the wait for name servers that do not answer', async () => {
    const stop = new AbortController();
    const search = unlessStopped(new Promise(() => {}), stop.signal);
    stop.abort();
    await assert.rejects(search, { reason: 'ABORTED' });
  });

  for (const moment of MOMENTS) {
    it(`ends the link at once just after ${moment}`, async () => {
      const broker = await ScriptedBroker.start(files);
      let bench: UplinkBench | undefined;
      let link: Link | undefined;
      let stopped: Promise<void> | undefined;
      let begun = () => {};
      const began = new Promise<void>((resolve) => (begun = resolve));
      const now = (at: (typeof MOMENTS)[number]) => {
        if (at !== moment) return;
        stopped = bench?.stop();
        begun();
      };
      const connect: Connect = async (options, signal) => {
        const session = await Session.connect(options, signal);
        now('the connection was made');
        link = {
          limits: session.limits,
          ended: session.ended,
          drop: () => session.drop(),
          close: () => session.close(),
          subscribe: async (topics) => {
            await session.subscribe(topics);
            now('the subscription was answered');
          },
          publish: (...message) => session.publish(...message),
        };
        return link;
      };
      try {
        bench = startUplink(files, broker.port, { connect });
        await began;
        const cut = setTimeout(() => link?.drop(), STOPPED_WITHIN_MS);
        const startedMs = performance.now();
        await stopped;
        clearTimeout(cut);
        assert.ok(performance.now() - startedMs < STOPPED_WITHIN_MS, 'the uplink kept the connection until the test cut it');
      } finally {
        await broker.stop();
      }
    });
  }
});
