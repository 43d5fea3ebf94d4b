// Tests the images of alerts with a real camera, and which failures raise a problem when many alerts arrive at once.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Incidents } from '../../src/agent/media/incidents.ts';
import { systemClock } from '../../src/clock/index.ts';
import { createLog } from '../../src/logs/index.ts';
import { Camera, Jobs } from '../../src/media/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { Problems } from '../../src/status/index.ts';
import type { NewUpload } from '../../src/uploads/index.ts';
import { until } from '../support/until.ts';

const CONFIG = {
  topic: '/hall/image',
  type: undefined,
  ring: 10_000,
  after: 100,
  rate: 10,
  width: 640,
  quality: 75,
  zones: [],
  privacy_allows: [],
  recipients: [],
};
const IMAGE = { encoding: 'mono8', width: 8, height: 8, step: 8, is_bigendian: 0, data: new Uint8Array(64) };

describe('images of alerts', { timeout: 300_000 }, () => {
  let incidents: Incidents;
  let camera: Camera;
  let kept: NewUpload[];
  let reports: string[];
  let isFull: boolean;
  let attempts: number;
  let recipients: string[];

  const alert = (incident: string): NewRow => ({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised', incident } });
  const holds = (condition: () => boolean) =>
    until(condition, 'the uploads are spooled', { explain: () => JSON.stringify({ reports, kept: kept.map(({ kind }) => kind) }) });
  const count = (kind: string) => kept.filter((upload) => upload.kind === kind).length;

  const open = () => {
    [kept, reports, isFull, attempts] = [[], [], false, 0];
    const clock = systemClock(0);
    camera = new Camera({ name: 'hall', config: CONFIG, jobs: new Jobs(), clock, onTrouble: () => {} });
    incidents = new Incidents({
      thing: 'elderly-bot',
      cameras: () => [camera],
      recipients,
      uploads: {
        add: async (upload) => {
          attempts += 1;
          return !isFull && kept.push(upload) > 0;
        },
      },
      clock,
      problems: new Problems(
        () => clock.mono(),
        (state, { subject, text }) => reports.push(`${state} ${subject}: ${state === 'raised' ? text : ''}`),
      ),
      log: createLog('silent', {}),
      lastLines: async () => [],
    });
  };
  beforeEach(() => {
    recipients = [];
    open();
  });
  afterEach(async () => {
    camera.close();
    await incidents.stop();
  });

  it('raise no problem if there are more alerts than clips: each alert gets a snapshot, and the first three get a clip', async () => {
    camera.receive(IMAGE);
    await holds(() => camera.status().kept === 1);
    // The camera continues to send images, because on a busy machine a single image may be too old for a snapshot.
    const receiving = setInterval(() => camera.receive(IMAGE), 500);
    try {
      for (let n = 0; n < 8; n++) incidents.onRow(alert(`incident-${n}`));
      await holds(() => count('snapshot') === 8 && count('log') === 8 && count('clip') === 3);
    } finally {
      clearInterval(receiving);
    }
    assert.deepEqual(reports, []);
  });

  it('raise one problem, which ends when each failed kind has succeeded again', async () => {
    camera.receive(IMAGE);
    await holds(() => camera.status().kept === 1);
    isFull = true;
    incidents.onRow(alert('incident-1'));
    await holds(() => attempts === 3);
    const hall = () => reports.filter((text) => !text.startsWith('raised record'));
    assert.deepEqual(hall(), ['raised hall: uploads.max_size is used up by more important files']);
    isFull = false;
    await incidents.snapshot(undefined);
    assert.deepEqual([count('snapshot'), hall().length], [1, 1], 'the clip is still missing');
    incidents.onRow(alert('incident-2'));
    await holds(() => count('clip') === 1);
    assert.deepEqual(hall().slice(1).sort(), ['cleared hall: ', 'cleared record: ']);
  });

  it('clear the problem ten minutes after the last failure if there is no other alert', async (t) => {
    camera.receive(IMAGE);
    await holds(() => camera.status().kept === 1);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    isFull = true;
    await incidents.snapshot(undefined);
    t.mock.timers.tick(599_000);
    assert.deepEqual(reports, ['raised hall: uploads.max_size is used up by more important files']);
    t.mock.timers.tick(2_000);
    assert.deepEqual(reports.slice(1), ['cleared hall: ']);
  });
});
