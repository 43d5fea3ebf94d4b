// Pictures of alerts with a real camera: which cases raise a problem when many alerts come at once.

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
const PICTURE = { encoding: 'mono8', width: 8, height: 8, step: 8, is_bigendian: 0, data: new Uint8Array(64) };

describe('pictures of alerts', { timeout: 20_000 }, () => {
  let incidents: Incidents;
  let camera: Camera;
  let kept: NewUpload[];
  let said: string[];
  let isFull: boolean;
  let asked: number;

  const alert = (incident: string): NewRow => ({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised', incident } });
  const holds = (condition: () => boolean) =>
    until(condition, 'the uploads are there', { explain: () => JSON.stringify({ said, kept: kept.map(({ kind }) => kind) }) });
  const of = (kind: string) => kept.filter((upload) => upload.kind === kind).length;

  beforeEach(() => {
    [kept, said, isFull, asked] = [[], [], false, 0];
    const clock = systemClock(0);
    camera = new Camera({ name: 'hall', config: CONFIG, jobs: new Jobs(), clock, onTrouble: () => {} });
    incidents = new Incidents({
      thing: 'elderly-bot',
      cameras: () => [camera],
      uploads: {
        add: async (upload) => {
          asked += 1;
          return !isFull && kept.push(upload) > 0;
        },
        status: () => ({ waiting: 0, of_incidents: 0, bytes: 0, oldest_ms: null }),
        waitingOf: () => 0,
        reportClock: () => {},
        stop: async () => {},
      },
      clock,
      problems: new Problems(
        () => clock.mono(),
        (state, { subject, text }) => said.push(`${state} ${subject}: ${state === 'raised' ? text : ''}`),
      ),
      log: createLog('silent', {}),
      lastLines: async () => [],
    });
  });
  afterEach(async () => {
    camera.close();
    await incidents.stop();
  });

  it('raise no problem if more alerts come than clips are made: each has a snapshot, and the first have clips', async () => {
    camera.see(PICTURE);
    await holds(() => camera.status().kept === 1);
    // Like a camera: on a busy machine a single picture may be too old by then.
    const seeing = setInterval(() => camera.see(PICTURE), 500);
    try {
      for (let n = 0; n < 8; n++) incidents.onRow(alert(`incident-${n}`));
      await holds(() => of('snapshot') === 8 && of('log') === 8 && of('clip') === 3);
    } finally {
      clearInterval(seeing);
    }
    assert.deepEqual(said, []);
  });

  it('raise one problem until each missing kind has succeeded again', async () => {
    camera.see(PICTURE);
    await holds(() => camera.status().kept === 1);
    isFull = true;
    incidents.onRow(alert('incident-1'));
    await holds(() => asked === 3);
    const hall = () => said.filter((text) => !text.startsWith('raised record'));
    assert.deepEqual(hall(), ['raised hall: uploads.max_size is used up by more important files']);
    isFull = false;
    await incidents.snapshot(undefined);
    assert.deepEqual([of('snapshot'), hall().length], [1, 1], 'the clip is still missing');
    incidents.onRow(alert('incident-2'));
    await holds(() => of('clip') === 1);
    assert.deepEqual(hall().slice(1).sort(), ['cleared hall: ', 'cleared record: ']);
  });

  it('clear the problem ten minutes after the last failure if no other alert comes', async (t) => {
    camera.see(PICTURE);
    await holds(() => camera.status().kept === 1);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    isFull = true;
    await incidents.snapshot(undefined);
    t.mock.timers.tick(599_000);
    assert.deepEqual(said, ['raised hall: uploads.max_size is used up by more important files']);
    t.mock.timers.tick(2_000);
    assert.deepEqual(said.slice(1), ['cleared hall: ']);
  });
});
