// The command `policies`: prints the rights of the robot and the cloud, for AWS IoT Core or Mosquitto.
import { print } from '../../../src/base/index.ts';
import { SettingsError } from '../errors/index.ts';
import { patternProblem } from '../messages/index.ts';
import { cloudPolicy, mosquittoAcl, type PolicyOptions, robotPolicy } from '../rights/index.ts';

/** The size limit of AWS IoT's CreatePolicy, which ignores white space. */
const MAX_POLICY_CHARACTERS = 2_048;

export async function printPolicy(
  kind: 'robot' | 'cloud' | 'mosquitto',
  options: PolicyOptions & { readonly thing: string },
): Promise<number> {
  const fault = patternProblem(options.prefix);
  if (fault) throw new SettingsError([`--prefix ${options.prefix}: ${fault}`]);
  if (kind === 'mosquitto') {
    await print(mosquittoAcl(options).trimEnd().split('\n'));
    return 0;
  }
  const policy = kind === 'robot' ? robotPolicy(options) : cloudPolicy(options);
  const size = JSON.stringify(policy).length;
  if (size > MAX_POLICY_CHARACTERS) {
    throw new SettingsError([`this policy has ${size} characters, AWS IoT allows ${MAX_POLICY_CHARACTERS}; choose a shorter --prefix`]);
  }
  await print(JSON.stringify(policy, null, 2).split('\n'));
  return 0;
}
