// Tests 60 configurations as integrators write them: `config check` finds nothing, each alert rises and ends, and no channel is unusable.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { COMPRESSED_IMAGE, IMAGE, type LoadedConfig } from '../../src/config/index.ts';
import { ENCODINGS } from '../../src/media/encodings.ts';
import { type CameraMessage, makeImage } from '../../src/media/image.ts';
import { checkedText, definitions, skip } from './checked.ts';
import { Drive, Machine, type RightCase, rightCases, without } from './rightCases.ts';

const CASES = rightCases();

describe('a configuration that an integrator writes', { skip }, () => {
  it('is one of 60 different ones', () => {
    assert.equal(new Set(CASES.map(({ name }) => name)).size, 60);
    assert.equal(new Set(CASES.map(({ config }) => config)).size, 60);
  });

  for (const right of CASES) {
    it(`is right: ${right.name}`, async () => {
      const here = definitions ?? assert.fail();
      const packages = right.notInstalled ?? {};
      const machine = new Machine(here, packages);
      const { findings, loaded } = checkedText(right.config, machine.definitions);
      assert.deepEqual(findings, []);
      const elsewhere = checkedText(right.config, without(here, packages)).findings;
      for (const { severity, reason } of elsewhere) assert.match(`${severity} ${reason}`, /^warning not checked, because package /);
      assert.equal(elsewhere.length > 0, right.notInstalled !== undefined);
      works(right, loaded, machine);
      for (const [name, published] of Object.entries(right.images ?? {})) await shows(loaded, name, published, machine);
    });
  }
});

function works({ channels: feeds = {} }: RightCase, { config, origin }: LoadedConfig, machine: Machine): void {
  const own = Object.keys(config.channels).filter((name) => origin(['channels', name]) === 'file');
  assert.deepEqual(
    own.filter((name) => !(name in feeds)),
    [],
    'each channel of the file has messages',
  );
  for (const [name, feed] of Object.entries(feeds)) {
    const channel = config.channels[name] ?? assert.fail(name);
    const begin = () => new Drive(name, channel, feed, machine);
    for (const [message, value] of feed.readings ?? []) assert.deepEqual(begin().reading(message), value, name);
    assert.equal(channel.class, feed.danger === undefined ? 'telemetry' : 'alert', name);
    for (const danger of feed.danger ?? []) {
      const drive = begin();
      drive.phase(feed.calm ?? []);
      assert.deepEqual(drive.events, [], `${name}: calm`);
      drive.phase([danger]);
      assert.deepEqual(drive.events, [`${name} raised`], `${name}: ${JSON.stringify(danger)}`);
      drive.phase(feed.calm ?? []);
      assert.deepEqual(drive.events, [`${name} raised`, `${name} cleared`], `${name}: calm after ${JSON.stringify(danger)}`);
    }
  }
}

const SIDE = 8;

async function shows({ config }: LoadedConfig, name: string, published: NonNullable<RightCase['images']>[string], { codecOf }: Machine) {
  const camera = config.cameras[name] ?? assert.fail(name);
  const isRaw = 'encoding' in published;
  const { encode, decode } = codecOf(isRaw ? IMAGE : COMPRESSED_IMAGE);
  const message = isRaw ? rawImage(published.encoding) : { format: published.format, data: await fileOf(published.format) };
  const { width, height } = await makeImage(decode(encode(message)) as unknown as CameraMessage, camera);
  assert.deepEqual([width, height], [SIDE, SIDE], name);
}

function rawImage(encoding: string) {
  const step = SIDE * (ENCODINGS[encoding]?.bytesPerPixel ?? assert.fail(encoding));
  return { width: SIDE, height: SIDE, encoding, step, data: new Uint8Array(step * SIDE) };
}

function fileOf(format: 'jpeg' | 'png'): Promise<Buffer> {
  return sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: '#204060' } })
    .toFormat(format)
    .toBuffer();
}
