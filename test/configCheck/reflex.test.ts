// Tests the findings of `config check` on the reflex, with the message definitions of this machine.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkedText, skip } from './checked.ts';

function reasonsOf(reflex: string): string[] {
  return checkedText(`reflex: { ${reflex} }\n`).findings.map(({ severity, entry, reason }) => `${severity} ${entry}: ${reason}`);
}

const VOICE = 'topic: /voice, type: std_msgs/msg/String';

describe('config check on the reflex', { skip }, () => {
  it('finds a mistyped field in each message', () => {
    const also = 'also: [{ topic: /siren, type: std_msgs/Bool, message: { data: true }, message_cleared: { dat: false } }]';
    assert.deepEqual(reasonsOf(`${VOICE}, message: { dta: help }, message_confirmed: { text: known }, ${also}`), [
      'error reflex: std_msgs/msg/String has no field "dta", did you mean data?',
      'error reflex: std_msgs/msg/String has no field "text"; it has data',
      'error reflex: std_msgs/msg/Bool has no field "dat", did you mean data?',
    ]);
  });

  it('finds a value that the field cannot have, which would show only in an emergency', () => {
    assert.deepEqual(reasonsOf(`${VOICE}, message: { data: 112 }`), [
      'error reflex: std_msgs/msg/String: field data is 112, expected string',
    ]);
  });

  it('finds a mistyped type, and a topic that a command uses with another type', () => {
    assert.match(String(reasonsOf('topic: /voice, type: std_msgs/Strin, message: {}')), /has no message Strin, did you mean String\?/);
    assert.match(
      String(reasonsOf('topic: /speak, type: std_msgs/Bool, message: { data: true }')),
      /error reflex: \/speak has the type std_msgs\/msg\/Bool here, but std_msgs\/msg\/String in commands\.speak/,
    );
  });

  it('finds nothing in a reflex that works', () => {
    assert.deepEqual(reasonsOf(`${VOICE}, message: { data: help }, message_confirmed: { data: known }`), []);
  });
});
