// `policies`: the rights of robot and cloud, for AWS IoT Core or Mosquitto.
import { SettingsError } from '../errors/index.ts';
import { patternProblem } from '../messages/index.ts';
import { cloudPolicy, mosquittoAcl, type Policy, type PolicyOptions, robotPolicy } from '../rights/index.ts';
import { print } from './exit.ts';

/** Limit of AWS IoT's CreatePolicy, without white space. */
const MAX_POLICY_CHARACTERS = 2_048;

export type PolicyFor = 'robot' | 'cloud' | 'mosquitto';

export async function printPolicy(who: PolicyFor, options: PolicyOptions & { readonly thing: string }): Promise<number> {
  const problem = patternProblem(options.prefix);
  if (problem) throw new SettingsError([`--prefix ${options.prefix}: ${problem}`]);
  print(who === 'mosquitto' ? mosquittoAcl(options).trimEnd() : textOf(who === 'robot' ? robotPolicy(options) : cloudPolicy(options)));
  return 0;
}

function textOf(policy: Policy): string {
  const size = JSON.stringify(policy).length;
  if (size > MAX_POLICY_CHARACTERS) {
    throw new SettingsError([`this policy has ${size} characters, AWS IoT takes ${MAX_POLICY_CHARACTERS}; choose a shorter --prefix`]);
  }
  return JSON.stringify(policy, null, 2);
}
