// Reports the files of keys and certificates that the configuration names and that do not exist. Pure: the caller passes the test.
import type { Config } from '../config/index.ts';
import type { EntryFindings } from './finding.ts';

/** Robots can be checked before their certificates arrive, so a missing file is a warning. */
export function checkFiles(
  { mqtt, provisioning }: Config,
  exists: (file: string) => boolean,
  entry: (section: string) => EntryFindings,
): void {
  const files = {
    mqtt: { root_ca: mqtt.root_ca, cert_file: mqtt.cert_file, private_key: mqtt.private_key },
    provisioning: provisioning.template === null ? {} : { claim_cert: provisioning.claim_cert, claim_key: provisioning.claim_key },
  };
  for (const [section, named] of Object.entries(files)) {
    const findings = entry(section);
    for (const [key, file] of Object.entries(named)) {
      if (file === null || file === undefined || exists(file)) continue;
      findings.warning(
        [key],
        `${key} is ${file}, which does not exist, so the agent will not start; copy the file there, or correct the path`,
      );
    }
  }
}
