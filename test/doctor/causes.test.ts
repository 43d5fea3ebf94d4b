// Tests the pure parts of the doctor: deadlines of checks, consequences under their cause, missing rights, disk wear.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exitCodeOf } from '../../src/base/index.ts';
import { wearOf } from '../../src/doctor/checks/storage.ts';
import { CHECKS, type Check, type CheckCode, examine, type Finding } from '../../src/doctor/index.ts';
import { aclLines, policyStatement } from '../../src/uplink/index.ts';

const check = (code: CheckCode, finding: Partial<Finding> = {}, subject?: string): Check => ({
  code,
  ...(subject === undefined ? {} : { subject }),
  deadlineMs: 1_000,
  run: async () => ({ status: 'ok', observed: code, ...finding }),
});
const hiders = async (...checks: Check[]) => Object.fromEntries((await examine(checks)).map((result) => [result.code, result.hidden_by]));

describe('examine', () => {
  it('lists consequences under the root cause, and the root first', async () => {
    const error = { status: 'error' } as const;
    const results = await examine([check('mqtt', error), check('tcp', error), check('dns', error), check('node')]);
    assert.deepEqual(
      results.map(({ code, hidden_by: by }) => [code, by]),
      [
        ['dns', null],
        ['node', null],
        ['tcp', 'dns'],
        ['mqtt', 'dns'],
      ],
    );
  });

  it('uses the checks that a finding names as its only possible causes', async () => {
    const narrow = { status: 'error', because: ['clock'] } as const;
    assert.deepEqual(await hiders(check('tcp', { status: 'error' }), check('broker_certificate', narrow)), {
      tcp: null,
      broker_certificate: null,
    });
  });

  it('does not use a warning or the error of one channel as a cause', async () => {
    assert.deepEqual(await hiders(check('ros', { status: 'warning' }), check('channel', { status: 'error' }, 'gas')), {
      ros: null,
      'channel.gas': null,
    });
  });

  it('ends a check at its deadline while the other checks continue', async () => {
    const late: Check = { code: 'dns', deadlineMs: 20, run: () => new Promise(() => {}) };
    const [first, second] = await examine([check('node'), late]);
    assert.deepEqual([first?.code, first?.status, first?.observed], ['dns', 'error', 'no answer within 0.02 s']);
    assert.equal(second?.status, 'ok');
  });

  it('reports a check that throws as unknown, and exits with 2 if no problem was found', async () => {
    const broken: Check = { code: 'disk_wear', deadlineMs: 1_000, run: () => Promise.reject(new Error('a bug')) };
    const results = await examine([broken, check('node')]);
    assert.deepEqual([results[0]?.status, results[0]?.observed], ['unknown', 'the check itself failed: a bug']);
    assert.equal(exitCodeOf(results), 2);
    assert.equal(exitCodeOf(await examine([broken, check('dns', { status: 'warning' })])), 1);
    assert.equal(exitCodeOf(await examine([check('node'), check('guard', { status: 'skipped' })])), 0);
  });

  it('has no cycle of causes', () => {
    const causesOf = (code: string): readonly string[] => CHECKS[code as CheckCode].because;
    const visit = (code: string, path: readonly string[]): void => {
      assert.ok(!path.includes(code), `${[...path, code].join(' <- ')}`);
      for (const cause of causesOf(code)) visit(cause, [...path, code]);
    };
    for (const code of Object.keys(CHECKS)) visit(code, []);
  });
});

describe('the remedy for a refused right', () => {
  it('is an IoT policy statement with the region of the endpoint', () => {
    assert.deepEqual(JSON.parse(policyStatement('publish', ['a/events'], 'x-ats.iot.eu-central-1.amazonaws.com')), {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: ['arn:aws:iot:eu-central-1:ACCOUNT:topic/a/events'],
    });
  });

  it('consists of two statements for a subscription', () => {
    const statements = JSON.parse(`[${policyStatement('subscribe', ['a/receipts'], 'localhost')}]`) as { Action: string }[];
    assert.deepEqual(
      statements.map(({ Action }) => Action),
      ['iot:Subscribe', 'iot:Receive'],
    );
  });

  it('consists of lines for a Mosquitto access list', () => {
    assert.equal(aclLines('subscribe', ['a/receipts'], 'bot'), 'user bot\ntopic read a/receipts');
  });
});

describe('the wear of an eMMC', () => {
  it('is the higher of the estimates for its two cell types', () => {
    assert.deepEqual(wearOf('0x01 0x02', '0x01'), { text: 'the disk has used up to 20 % of its rated life', isWorn: false, isOver: false });
    assert.equal(wearOf('0x09 0x01', '0x01')?.isWorn, true);
    assert.equal(wearOf('0x0b 0x01', '0x01')?.isOver, true);
    assert.match(String(wearOf('0x01 0x01', '0x03')?.text), /nearly no spare blocks/);
  });

  it('is undefined if the disk reports nothing', () => {
    assert.equal(wearOf(undefined, undefined), undefined);
    assert.equal(wearOf('0x00 0x00', '0x00'), undefined);
  });
});
