// Tests a camera without ROS: which images it keeps and deletes, the content of snapshots and clips, and the order of its jobs.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { messageOf } from '../../src/base/index.ts';
import { systemClock } from '../../src/clock/index.ts';
import type { CameraConfig } from '../../src/config/index.ts';
import { Camera, Jobs } from '../../src/media/camera.ts';
import type { CameraMessage } from '../../src/media/image.ts';
import { Privacy } from '../../src/media/privacy.ts';
import { Ring } from '../../src/media/ring.ts';

const CONFIG: CameraConfig = {
  topic: '/hall/image',
  type: undefined,
  ring: 10_000,
  after: 150,
  rate: 2,
  width: 640,
  quality: 75,
  zones: [],
  privacy_allows: [],
  recipients: [],
};

/** @returns an image in one shade of grey. */
const grey = (value: number, width = 40, height = 30): CameraMessage => ({
  encoding: 'mono8',
  width,
  height,
  step: width,
  is_bigendian: 0,
  data: new Uint8Array(width * height).fill(value),
});

const greyOf = async (bytes: Buffer, page = 0) => Number((await sharp(bytes, { page }).greyscale().raw().toBuffer())[0]);

describe('a camera', { timeout: 300_000 }, () => {
  let camera: Camera;
  let troubles: (string | undefined)[];
  const ALERT = { channel: 'fall', incident: 'incident-1' };
  const never = new AbortController().signal;

  const open = (over: Partial<CameraConfig> = {}, jobs = new Jobs()) => {
    troubles = [];
    const onTrouble = (error: unknown) => void troubles.push(error === undefined ? undefined : messageOf(error));
    camera = new Camera({ name: 'hall', config: { ...CONFIG, ...over }, jobs, clock: systemClock(0), onTrouble });
  };
  const decoded = async (count: number) => {
    for (const untilMs = performance.now() + 5_000; troubles.length < count; ) {
      assert.ok(performance.now() < untilMs, `${troubles.length} of ${count} decoded`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  /** Resolves after the camera has decoded the image. */
  const show = async (message: CameraMessage) => {
    const seen = troubles.length;
    camera.receive(message);
    await decoded(seen + 1);
  };

  beforeEach(() => open());
  afterEach(() => camera.close());

  it('returns the newest image, which contains its camera, time and incident', async () => {
    for (const value of [10, 90, 200]) await show(grey(value));
    const { kind, contentType, bytes, takenAtMs } = await camera.snapshot(ALERT);
    assert.deepEqual([kind, contentType], ['snapshot', 'image/jpeg']);
    assert.ok(Math.abs((await greyOf(bytes)) - 200) <= 2);
    const comment = bytes.toString('latin1', 6, 2 + 2 + bytes.readUInt16BE(4));
    assert.deepEqual(JSON.parse(comment), { camera: 'hall', taken: new Date(takenAtMs).toISOString(), incident: 'incident-1' });
  });

  it('returns different files for two incidents with the same image', async () => {
    await show(grey(0));
    const [first, second] = [await camera.snapshot(ALERT), await camera.snapshot({ ...ALERT, incident: 'incident-2' })];
    assert.ok(!first.bytes.equals(second.bytes));
  });

  it('waits for the next image if it has no image', async () => {
    const snapshot = camera.snapshot();
    await show(grey(70));
    assert.ok(Math.abs((await greyOf((await snapshot).bytes)) - 70) <= 2);
  });

  it('makes a clip from the images before and after the alert', async () => {
    await show(grey(20));
    await show(grey(60));
    const clip = camera.clip(ALERT, never);
    await show(grey(120));
    await show(grey(180));
    const { kind, contentType, bytes } = await clip;
    const { pages, delay } = await sharp(bytes, { animated: true }).metadata();
    assert.deepEqual([kind, contentType, pages, delay?.length], ['clip', 'image/webp', 4, 4]);
    for (const [page, value] of [20, 60, 120, 180].entries()) {
      const found = await greyOf(bytes, page);
      assert.ok(Math.abs(found - value) <= 4, `image ${page} is ${found}`);
    }
  });

  it('makes a clip only from images with the size of the last one, even if only one is left', async () => {
    await show(grey(20, 60, 20));
    const clip = camera.clip(ALERT, never);
    await show(grey(60));
    const { width, height, pages = 1 } = await sharp((await clip).bytes, { animated: true }).metadata();
    assert.deepEqual([width, height, pages], [40, 30, 1]);
  });

  it('scales down the images of a clip that would be too large', async () => {
    open({ width: 1_920 });
    for (const value of [20, 60, 100, 140, 180, 220]) await show(grey(value, 1_920, 1_080));
    const clip = camera.clip(ALERT, AbortSignal.abort());
    const { width = 0, pages = 0, pageHeight = 0 } = await sharp((await clip).bytes, { animated: true }).metadata();
    assert.equal(pages, 6);
    assert.ok(width < 1_920 && width * pageHeight * pages <= 10_000_000, `${width} x ${pageHeight} x ${pages}`);
  });

  it('makes at most three clips at a time', async () => {
    await show(grey(20));
    const clips = ['a', 'b', 'c'].map((incident) => camera.clip({ ...ALERT, incident }, never));
    await assert.rejects(camera.clip(ALERT, never), /3 clips are in progress already/);
    assert.equal((await Promise.all(clips)).length, 3);
    await camera.clip(ALERT, AbortSignal.abort());
  });

  it('decodes only the newest of the images that arrived while it was busy', async () => {
    const jobs = new Jobs();
    let release = () => {};
    const busy = jobs.run(() => new Promise<void>((resolve) => (release = resolve)), true);
    open({}, jobs);
    for (const value of [10, 20, 30, 40]) camera.receive(grey(value));
    release();
    await busy;
    await decoded(1);
    assert.equal(camera.status().kept, 1);
    assert.ok(Math.abs((await greyOf((await camera.snapshot()).bytes)) - 40) <= 2);
  });

  it('reports the fault of an invalid image, counts it, and continues', async () => {
    await show({ ...grey(1), step: 3 } as CameraMessage);
    assert.match(String(troubles.at(-1)), /step is 3 bytes, but a row of 40 pixels in mono8 has 40/);
    await show(grey(90));
    assert.deepEqual([troubles.at(-1), camera.status().unreadable, camera.status().kept], [undefined, 1, 1]);
  });

  it('deletes all images when privacy begins, including the one in the decoder, and ends clips', async () => {
    open({ privacy_topic: '/privacy', privacy_allows: ['fall'] });
    camera.setPrivacy(false);
    await show(grey(20));
    const stranger = camera.clip({ channel: 'stranger', incident: 'incident-0' }, never);
    camera.receive(grey(200));
    camera.setPrivacy(true);
    await assert.rejects(camera.snapshot(), { code: 'PICTURE_MISSING', message: 'hall: privacy is on' });
    // A fall opens the camera, but neither the older clip nor an older image becomes available.
    const fall = camera.snapshot(ALERT);
    await decoded(2);
    assert.equal(camera.status().ring_bytes, 0);
    await show(grey(120));
    assert.ok(Math.abs((await greyOf((await fall).bytes)) - 120) <= 2);
    assert.equal((await sharp((await stranger).bytes, { animated: true }).metadata()).pages ?? 1, 1);
    assert.ok(Math.abs((await greyOf((await stranger).bytes)) - 20) <= 2);
  });

  it('has privacy until a message on the privacy topic ends it', async () => {
    open({ privacy_topic: '/privacy' });
    camera.receive(grey(20));
    assert.equal(camera.status().privacy, null);
    await assert.rejects(camera.snapshot(ALERT), /privacy is on until the first message on \/privacy/);
  });

  it('returns no plain image if it has recipients and cannot encrypt', async () => {
    open({ recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] });
    await show(grey(20));
    await assert.rejects(camera.snapshot(ALERT), /can’t be encrypted/);
    await camera.start();
    assert.equal((await camera.snapshot(ALERT)).contentType, 'application/age');
  });

  it('releases waiting callers when it is closed', async () => {
    const waiting = camera.snapshot();
    camera.close();
    await assert.rejects(waiting, { code: 'PICTURE_MISSING' });
    camera.receive(grey(20));
    assert.equal(camera.status().ring_bytes, 0);
  });
});

describe('the ring', () => {
  it('stays within its limits of time and bytes, and removes no other image', () => {
    const frame = fc.record({ after: fc.nat(400), size: fc.nat(300) });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 60 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 300, max: 2_000 }),
        (frames, ms, bytes) => {
          const ring = new Ring<{ jpeg: { length: number }; atMs: number }>({ ms, bytes });
          const pushed: { jpeg: { length: number }; atMs: number }[] = [];
          let atMs = 0;
          for (const { after, size } of frames) {
            atMs += after;
            pushed.push({ jpeg: { length: size }, atMs });
            ring.push({ jpeg: { length: size }, atMs });
            // Expects the longest sequence of latest images that fits both limits.
            let from = pushed.length;
            let held = 0;
            while (from > 0) {
              const { jpeg, atMs: then } = pushed[from - 1] ?? { jpeg: { length: 0 }, atMs: 0 };
              if (atMs - then > ms || held + jpeg.length > bytes) break;
              held += jpeg.length;
              from -= 1;
            }
            assert.deepEqual(ring.all(atMs), pushed.slice(from));
            assert.equal(ring.bytes, held);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('privacy', () => {
  it('allows images while it is on only for the time of an allowed alert', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('report' as const), isOn: fc.boolean() }),
      fc.record({
        do: fc.constant('request' as const),
        channel: fc.constantFrom('fall', 'gas', undefined),
        forMs: fc.integer({ min: 1, max: 50 }),
      }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(60) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let begun = 0;
        const privacy = new Privacy({ privacy_topic: '/privacy', privacy_allows: ['fall'] }, () => begun++);
        let [nowMs, isOn, openUntilMs, begins] = [0, true, -1, 0];
        for (const each of steps) {
          if (each.do === 'wait') nowMs += each.ms;
          if (each.do === 'report') {
            begins += each.isOn && !isOn ? 1 : 0;
            isOn = each.isOn;
            openUntilMs = -1;
            privacy.report(isOn);
          }
          if (each.do === 'request') {
            const isAllowed = !isOn || each.channel === 'fall';
            assert.equal(privacy.request(each.channel, nowMs, each.forMs), isAllowed);
            if (isOn && isAllowed) openUntilMs = Math.max(openUntilMs, nowMs + each.forMs);
          }
          assert.deepEqual([privacy.isOn, privacy.mayKeep(nowMs), begun], [isOn, !isOn || nowMs <= openUntilMs, begins]);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('jobs', () => {
  it('run one at a time, images before clips, otherwise in order, even after a failure', async () => {
    const jobs = new Jobs();
    const order: string[] = [];
    let running = 0;
    const job = (name: string, urgent: boolean) =>
      jobs.run(async () => {
        running += 1;
        assert.equal(running, 1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        order.push(name);
        if (name === 'fails') throw new Error('on purpose');
        return name;
      }, urgent);
    const all = [
      job('first', false),
      job('clip 1', false),
      job('image 1', true),
      job('fails', true),
      job('clip 2', false),
      job('image 2', true),
    ];
    const ends = await Promise.allSettled(all);
    assert.deepEqual(order, ['first', 'image 1', 'fails', 'image 2', 'clip 1', 'clip 2']);
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
  });
});
