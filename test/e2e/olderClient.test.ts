// The command of an older client, `{"command": "buzzer", "value": true}`, on real parts: Mosquitto with mutual TLS, the agent with the
// shipped commands, and an rclpy program that plays the buzzer.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import { Bench } from '../support/bench.ts';
import { Caller } from '../support/caller.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const BUZZER = { command: 'buzzer', value: true };
const skip = rosUnavailable() || mosquittoUnavailable();
const total = (commands: Readonly<Record<string, number>>) => Object.values(commands).reduce((sum, count) => sum + count, 0);

interface Logged {
  readonly id: string | null;
  readonly command: string;
  readonly result: { readonly status: string; readonly reason?: string; readonly detail?: string };
  readonly times: number;
}

describe('a command as an older client sends it', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let caller: Caller;
  let agent: Program;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    Object.assign(process.env, bench.robotEnv());
    peer = await RosPeer.start('buzzer');
    await peer.subscribe('/buzzer_command', 'std_msgs/msg/Bool');
    caller = await Caller.connect(bench.broker.port, bench.files);
    agent = bench.agent();
    await bench.status(({ link }) => link.state === 'connected');
    await peer.matched('/buzzer_command');
  });
  after(async () => {
    await caller.close();
    await bench.stop();
    await peer.close();
    await domain.release();
  });

  const log = async (...more: string[]) => {
    const program = bench.run('log', AGENT, ['commands', 'log', '--limit', '100', ...more, '--config', bench.configFile]);
    assert.equal(await program.exited, 0, program.stderr);
    return program.lines;
  };
  const logged = async () => (await log('--json'))[0] as unknown as Logged[];
  const counted = (status: string, least: number) => bench.status(({ commands }) => (commands[status] ?? 0) >= least);

  it('sounds the buzzer with the shipped configuration, and is in the log', async () => {
    const heard = peer.next('/buzzer_command');
    await caller.sendRaw(JSON.stringify(BUZZER));
    assert.deepEqual(await heard, { data: true });
    await counted('done', 1);
    assert.match(JSON.stringify(await log()), /without id +buzzer +done/);
  });

  it('is refused if it is retained', async () => {
    await agent.stop();
    await caller.sendRaw(JSON.stringify(BUZZER), { retain: true });
    agent = bench.agent();
    const { commands } = await counted('rejected', 1);
    assert.equal(commands.done, undefined);
    await caller.sendRaw('', { retain: true });
    const [sounded, refused] = await logged();
    assert.deepEqual([sounded?.result.status, refused?.id, refused?.result.reason], ['done', null, 'retained']);
  });

  it('is refused for a command that is not legacy, and the log says which key would admit it', async () => {
    await caller.sendRaw(JSON.stringify({ command: 'speak', value: 'hello' }));
    await counted('rejected', 2);
    const entry = (await logged()).find(({ command }) => command === 'speak');
    assert.equal(entry?.result.reason, 'malformed');
    assert.match(String(entry?.result.detail), /to admit speak without id, thing and expires_at, set legacy: true/);
    assert.match(JSON.stringify(await log()), /without id +speak +rejected, malformed/);
  });

  it('is published at most 30 times a minute, however often it is sent', async () => {
    // The agent has just started. A command without an expiry waits for DDS for 1 s only and then ends as `no_effect`.
    await eventually(
      async () => {
        await caller.sendRaw(JSON.stringify(BUZZER));
        return (await bench.status(() => true)).commands.done ?? 0;
      },
      (done) => done > 0,
      'the agent has found the buzzer',
      { everyMs: 500 },
    );
    const { commands: before } = await bench.status(() => true);
    await Promise.all(Array.from({ length: 200 }, () => caller.sendRaw(JSON.stringify(BUZZER))));
    const { commands } = await bench.status(({ commands: now }) => total(now) >= total(before) + 200);
    const published = (commands.done ?? 0) - (before.done ?? 0);
    const refused = (commands.rejected ?? 0) - (before.rejected ?? 0);
    assert.ok(published > 0 && published <= 30, `${published} were published`);
    assert.ok(refused >= 170, `${refused} were refused`);
    const flood = (await logged()).filter(({ result }) => result.reason === 'rate_limited');
    assert.ok(flood.length <= 3, `${flood.length} entries`);
  });
});
