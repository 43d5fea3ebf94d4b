// Notices that the files of the robot's identity were replaced while the agent runs, tests them in the robot's own broker connection, and
// says what it took. Files that are unusable or do not work change nothing but a problem.
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { CredentialFiles, type Credentials, certificatesIn, factsOf, identityPaths, isAbsent, type Slots } from '../../identity/index.ts';
import { CAUSES, type CredentialTestResult } from '../../uplink/index.ts';
import { isRefusal } from './provision.ts';
import { isSame, isVerdict, type LinkSituation, Replacement, situationOf } from './replacement.ts';
import type { IdentityParts } from './watch.ts';

interface ReplacedFilesParts extends Omit<IdentityParts, 'outbox'> {
  readonly slots: Slots;
  /** Puts credentials into use that have passed their test. */
  readonly take: (next: Credentials) => Promise<void>;
  readonly settleMs: number;
  /** Whether files may be tested now. */
  readonly mayTest: () => boolean;
}

export class ReplacedFiles {
  readonly #parts: ReplacedFilesParts;
  readonly #files: CredentialFiles;
  readonly #replacement: Replacement;
  #testing: Credentials | undefined;
  #isReading = false;

  constructor(parts: ReplacedFilesParts) {
    this.#parts = parts;
    const { mqtt, state_dir: stateDir } = parts.config;
    this.#files = new CredentialFiles(() => identityPaths(mqtt, stateDir));
    this.#replacement = new Replacement(parts.settleMs);
  }

  /** @returns the credentials on disk, or undefined if they are already in use. @throws AgentError if they are unusable. */
  changed(): Credentials | undefined {
    try {
      return this.#unlessUsed(this.#files.read());
    } catch (error) {
      this.#reportUnusable(error);
      throw error;
    }
  }

  /** Must be called every few seconds. A file system that hangs stops only these checks. */
  async check(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const found = await this.#files.readLater().catch((error: unknown) => (error instanceof Error ? error : new Error(messageOf(error))));
    this.#isReading = false;
    if (this.#testing || !this.#parts.mayTest()) return;
    const { clock, problems } = this.#parts;
    if (found instanceof Error) {
      this.#reportUnusable(found);
      this.#replacement.see(undefined, clock.mono());
      return;
    }
    const next = this.#unlessUsed(found);
    const isDue = this.#replacement.isDue(next, this.#situation(), clock.mono());
    if (!this.#replacement.hasFailed) problems.clear('certificate_unusable');
    if (next && isDue) this.tryOut(next);
  }

  /** Tests these credentials at once. If the test fails, the previous ones stay in use. */
  tryOut(next: Credentials): void {
    const { uplink, clock, log } = this.#parts;
    const situation = this.#situation();
    this.#replacement.see(next, clock.mono());
    this.#testing = next;
    log.info({ event: 'certificate_tried' }, `the agent tests replaced files with a new connection: ${this.#describe(next).names}`);
    uplink
      .change(next)
      .then((result) => (result.works ? this.#take(next) : this.#fail(result, next, situation)))
      .catch((error: unknown) => log.error({ event: 'certificate_untried', err: error }, 'the files on disk could not be tried'))
      .finally(() => {
        if (this.#testing === next) this.#testing = undefined;
      });
  }

  async #take(next: Credentials): Promise<void> {
    const { take, problems, log } = this.#parts;
    const { names, fields } = this.#describe(next);
    await take(next);
    problems.clear('certificate_unusable');
    const { subject, issuer, serial, valid_to: end } = fields.certificate;
    const text = `the agent uses ${names} from now on; the certificate is ${subject}, issued by ${issuer}, serial ${serial}, valid until ${end}`;
    log.info({ event: 'certificate_changed', ...fields }, text);
  }

  #fail(result: CredentialTestResult & { works: false }, next: Credentials, situation: LinkSituation): void {
    const { config, credentials, slots, problems, clock, log } = this.#parts;
    const { step, cause, text, remedy } = result;
    this.#replacement.fail(cause, situation, clock.mono());
    if (!isVerdict(cause)) {
      log.info({ event: 'certificate_untested', cause }, `the files on disk could not be tested (${step}: ${text}); the agent tries again`);
      return;
    }
    if (isRefusal(result) && config.mqtt.cert_file === null && slots.canGoBack) {
      slots.goBack();
      problems.raise('rotation_failed', `the certificate on disk does not work (${step}: ${text}); the agent uses the previous one again`);
      return;
    }
    const previous = isAbsent(credentials) ? '' : 'uses the previous ones and ';
    const outcome = `the agent ${previous}tries these again later, or at once after elderly-bot reload`;
    problems.raise('certificate_unusable', `${this.#describe(next).names} on disk: ${step}: ${text}; ${remedy}; ${outcome}`);
  }

  #unlessUsed(found: Credentials): Credentials | undefined {
    return isSame(found, this.#parts.credentials) ? undefined : found;
  }

  #reportUnusable(error: unknown): void {
    this.#parts.problems.raise('certificate_unusable', error instanceof AgentError ? error.line : messageOf(error));
  }

  #situation(): LinkSituation {
    const { uplink, problems } = this.#parts;
    const cause = problems.standing().find(({ code }) => CAUSES.includes(code))?.code;
    return situationOf(uplink.status().state === 'connected', cause);
  }

  /** Names the files that differ from the credentials in use, and describes the certificates in them. */
  #describe(next: Credentials) {
    const { credentials } = this.#parts;
    const { rootCa, certFile, privateKey } = this.#files.paths;
    const files = [
      ...(next.cert === credentials.cert ? [] : [`certificate ${certFile}`]),
      ...(next.key === credentials.key ? [] : [`key ${privateKey}`]),
      ...(next.ca === credentials.ca ? [] : [`root CA ${rootCa}`]),
    ];
    const [root] = certificatesIn(next.ca);
    const fields = { files, certificate: factsOf(next.certificate), root_ca: root && factsOf(root) };
    return { names: files.join(', '), fields };
  }
}
