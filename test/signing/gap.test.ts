import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keyGap } from '../../src/signing/index.ts';
import { phone } from '../support/familyKeys.ts';

const FILE = 'state/family-keys.json';
const commands = { drive: { signed: 'required' }, lamp: { signed: 'optional' }, ping: { signed: 'off' } } as const;

it('commands that are refused because no family key is usable are named', async () => {
  const { paired } = await phone();
  const none = { keys: [], damage: undefined };
  assert.deepEqual(keyGap(commands, FILE, none), { code: 'no_family_key', text: 'no device is paired, so the robot refuses drive' });
  const damaged = keyGap(commands, FILE, { keys: [], damage: 'it is empty' });
  assert.deepEqual(damaged, {
    code: 'family_keys_damaged',
    text: 'state/family-keys.json: it is empty; the robot refuses, if signed: drive, lamp',
  });
  assert.equal(keyGap(commands, FILE, { keys: [paired], damage: undefined }), undefined);
  assert.equal(keyGap({ lamp: commands.lamp, ping: commands.ping }, FILE, none), undefined);
  assert.equal(keyGap({ ping: commands.ping }, FILE, { keys: [], damage: 'it is empty' }), undefined);
});
