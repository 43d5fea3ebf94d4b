// Robots that harm the cloud with messages that the broker's access control list permits. None publishes more than AWS IoT Core lets one
// connection publish.
import { randomUUID } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { presence, readings, telemetry } from '../../../cloud/test/support/robot.ts';
import { THING } from '../../support/bench.ts';
import { returning } from './returning.ts';
import { Hostile, pause, type Scene, type Told } from './robots.ts';

/** A robot to which the broker permits the plain prefix too. */
export const IMPOSTOR = 'mallory';
export const LOCKED = 'locked-robot';

/** Publishes of one connection to AWS IoT Core: 100 a second. */
const EVERY_MS = 10;
const SECOND_MS = 1_000;
/** cloud/src/messages/decode.ts */
const MOST_READINGS = 5_000;

type Harm = (scene: Scene) => Promise<Told>;

export const HARMS: Readonly<Record<string, Harm>> = {
  /** Alerts each second. Meanwhile the campaign locks a row of this robot. */
  locked: as(LOCKED, async (robot, { until, begin }) => {
    const send = (seq: number): Promise<void> => robot.publish('telemetry', fall(LOCKED, 'box-1', seq));
    await send(1);
    begin();
    for (let seq = 2; !until.aborted; seq++) {
      await send(seq);
      await pause(SECOND_MS, until);
    }
  }),
  /** 36 full messages at once, again and again. */
  backlog: as('busy-robot', async (robot, { until, begin }) => {
    const batch = (n: number): Buffer[] =>
      Array.from({ length: 36 }, (_, i) => deflated('busy-robot', `box-${n}`, i * MOST_READINGS + 1, (i + 1) * MOST_READINGS));
    for (let n = 1; !until.aborted; n++) {
      const messages = batch(n);
      if (n === 1) begin();
      await Promise.all(messages.map((message) => robot.publish('backlog', message)));
      await pause(15 * SECOND_MS, until);
    }
  }),
  /** 40 messages of 4 KB at once, each with 170,000 readings. */
  inflated: as('dense-robot', async (robot, { until, begin }) => {
    const text = JSON.stringify(telemetry({ thing: 'dense-robot' }, [], { kind: 'backlog' }));
    const dense = deflateSync(text.replace('"readings":[', `"readings":[${'[1,1,"t",1],'.repeat(169_999)}[1,1,"t",1]`), { level: 9 });
    begin();
    while (!until.aborted) {
      await Promise.all(Array.from({ length: 40 }, () => robot.publish('backlog', dense)));
      await pause(5 * SECOND_MS, until);
    }
  }),
  /** Uses its whole allowance of bytes with full messages, and continues. One message of ten has an alert. */
  flooding: as('greedy-robot', async (robot, { until, begin }) => {
    const note = 'x'.repeat(4_000);
    const full = Array.from({ length: 300 }, (_, i) => {
      const rows = Array.from({ length: 500 }, (_, j) => [i * 500 + j + 1, Date.now(), 'note', note]);
      return deflateSync(JSON.stringify(telemetry({ thing: 'greedy-robot', accepted: (i + 1) * 500 }, rows, { kind: 'backlog' })));
    });
    begin();
    for (let n = 0; !until.aborted; n++) {
      if (n % 10 === 9) await robot.publish('telemetry', fall('greedy-robot', 'box-2', n));
      else await robot.publish('backlog', full[n % full.length]);
      await pause(EVERY_MS, until);
    }
  }),
  /** Publishes in the name of the healthy robot, from its own prefix and from the plain one. */
  impostor: as(IMPOSTOR, async (robot, { until, begin }) => {
    const cleared = [[1, Date.now(), 'fall', false, { alert: 'cleared', incident: 'any' }]];
    begin();
    for (let n = 1; !until.aborted; n++) {
      const mark: [number, number] = [Number.MAX_SAFE_INTEGER, n];
      for (const prefix of [`fleet/${IMPOSTOR}`, 'elderly_bot']) {
        const envelope = { thing: THING, outbox: IMPOSTOR, accepted: n, mark };
        await robot.publish(`${prefix}/telemetry`, telemetry(envelope, cleared, { kind: 'alert', state_seq: n, fall: false }));
        await robot.publish(`${prefix}/presence`, presence({ thing: THING, mark }, [[IMPOSTOR, n]], { online: false }));
      }
      await pause(4 * EVERY_MS, until);
    }
  }),
  /** Never sends the same twice: outboxes, channels, gaps, poison. */
  endless: as('endless-robot', async (robot, { until, begin }) => {
    const thing = 'endless-robot';
    begin();
    for (let n = 1; !until.aborted; n++) {
      await robot.publish(...endlessly(thing, n));
      await pause(EVERY_MS, until);
    }
  }),
  returning,
};

function endlessly(thing: string, n: number): [topic: string, message: unknown] {
  const outbox = randomUUID();
  const gaps = (i: number): unknown[] => [n * 1_000 + 2 * i, Date.now(), `channel-${n}-${i}`, i];
  const forms: (() => [string, unknown])[] = [
    () => ['telemetry', telemetry({ thing, outbox, accepted: n }, readings([1, 1]))],
    () => [
      'backlog',
      telemetry(
        { thing, outbox: 'gaps', accepted: n * 1_000 + 400 },
        Array.from({ length: 200 }, (_, i) => gaps(i)),
      ),
    ],
    () => ['telemetry', telemetry({ thing, outbox: 'state', accepted: n }, [], { state_seq: n, [`state-${n}`]: outbox })],
    () => [
      'presence',
      presence(
        { thing },
        Array.from({ length: 100 }, () => [randomUUID(), n]),
      ),
    ],
    () => ['events', `{"thing":"${thing}","not JSON`],
  ];
  return (forms[n % forms.length] as () => [string, unknown])();
}

/** Runs a harm with one robot. */
function as(thing: string, harm: (robot: Hostile, scene: Scene) => Promise<void>): Harm {
  return async (scene) => {
    const robot = await Hostile.connect(scene.port, thing);
    await harm(robot, scene);
    await robot.end();
    return { published: robot.published };
  };
}

function fall(thing: string, outbox: string, seq: number): object {
  return telemetry({ thing, outbox, accepted: seq }, [[seq, Date.now(), 'fall', true, { alert: 'raised', incident: randomUUID() }]], {
    kind: 'alert',
    state_seq: seq,
    fall: true,
  });
}

function deflated(thing: string, outbox: string, first: number, last: number): Buffer {
  return deflateSync(JSON.stringify(telemetry({ thing, outbox, accepted: last }, readings([first, last]), { kind: 'backlog' })));
}
