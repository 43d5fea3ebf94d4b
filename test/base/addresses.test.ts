import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { describe, it } from 'node:test';
import { ownAddresses } from '../../src/base/index.ts';

const entry = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo;

describe('the addresses of this machine', () => {
  it('are those of all interfaces, without link-local ones', () => {
    const read = () => ({
      lo: [entry('127.0.0.1', true), entry('::1', true)],
      eth0: [entry('169.254.7.1'), entry('fe80::1'), entry('febf::1'), entry('fec0::1')],
      wlan0: [entry('192.0.2.7'), entry('2001:db8::7')],
    });
    const found = ownAddresses(read).map(({ name, address, internal }) => `${name} ${address}${internal ? ' internal' : ''}`);
    assert.deepEqual(found, ['lo 127.0.0.1 internal', 'lo ::1 internal', 'eth0 fec0::1', 'wlan0 192.0.2.7', 'wlan0 2001:db8::7']);
  });

  it('form an empty list if the kernel refuses it', () => {
    const refuse = () => {
      throw Object.assign(new Error('A system error occurred: uv_interface_addresses returned EAFNOSUPPORT'), { code: 'ERR_SYSTEM_ERROR' });
    };
    assert.deepEqual(ownAddresses(refuse), []);
  });

  it('contain the loopback of a real machine', () => {
    assert.ok(ownAddresses().some(({ address, internal }) => internal && address === '127.0.0.1'));
  });
});
