// A robot with a claim certificate, and the scripted IoT Core that issues its own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { provisionByClaim, type StandaloneParts } from '../../src/agent/identity/provision.ts';
import { systemClock } from '../../src/clock/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import {
  type BenchFiles,
  benchCertificates,
  type Credentials,
  type Provisioned,
  readCredentials,
  Slots,
  slotPaths,
} from '../../src/identity/index.ts';
import { CertsBench } from './certs.ts';
import { IotCore, TEMPLATE } from './iotCore.ts';

export class ProvisioningBench extends CertsBench {
  readonly files: BenchFiles;
  readonly core: IotCore;
  readonly steps: string[] = [];

  private constructor(files: BenchFiles, core: IotCore, folder: string) {
    super(folder);
    this.files = files;
    this.core = core;
  }

  static async start(): Promise<ProvisioningBench> {
    const folder = CertsBench.newFolder();
    const files = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
    const claim = await files.authority.issue(join(folder, 'certs'), 'claim', { name: 'a claim' });
    const bench = new ProvisioningBench(files, await IotCore.start(files, claim), folder);
    bench.configureRobot();
    return bench;
  }

  /** @param over keys of `provisioning`. */
  configureRobot(over: Readonly<Record<string, string | null>> = {}, more = ''): void {
    const provisioning = { template: TEMPLATE, claim_cert: 'certs/claim.crt.pem', claim_key: 'certs/claim.key.pem', ...over };
    this.configure(
      [
        `mqtt: { endpoint: "localhost:${this.core.port}", root_ca: ${this.files.ca}, reconnect_min: 100ms, reconnect_max: 1s, interval: 200ms }`,
        `provisioning: ${JSON.stringify(provisioning)}`,
        more,
      ].join('\n'),
    );
  }

  get slots(): Slots {
    return new Slots(this.stateDir);
  }

  /** Runs the provisioning in this process. */
  provision(timeoutMs = 2_000): Promise<Provisioned> {
    return provisionByClaim(this.parts(timeoutMs));
  }

  parts(timeoutMs = 2_000): StandaloneParts {
    const { config } = loadConfig(this.config, {});
    return { config, slots: this.slots, clock: systemClock(0), timeoutMs, report: (step) => void this.steps.push(step) };
  }

  /** The credentials in use, if any. */
  inUse(): Credentials | undefined {
    const { current } = this.slots;
    return current === undefined ? undefined : readCredentials(slotPaths(this.slots, current, this.files.ca));
  }

  /** Imports a certificate, as a person would who downloaded it from the console. */
  async handOver(name: string, notAfter?: Date): Promise<void> {
    const pair = await this.files.authority.issue(join(this.folder, 'certs'), name, {
      name: 'elderly-bot',
      ...(notAfter ? { notAfter } : {}),
    });
    const { slots } = this;
    await slots.use(
      slots.fill({
        cert: readFileSync(pair.cert, 'utf8'),
        key: readFileSync(pair.key, 'utf8'),
        rootCa: readFileSync(this.files.ca, 'utf8'),
      }),
      'elderly-bot',
    );
    slots.retire();
    this.core.register(readFileSync(pair.cert, 'utf8'), 'elderly-bot');
  }

  async stop(): Promise<void> {
    await this.core.stop();
    this.remove();
  }
}
