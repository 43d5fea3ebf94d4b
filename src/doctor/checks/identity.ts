// Checks that the robot's certificate and key files exist and match, that the certificate is currently valid and meant for TLS clients, and
// that only the owner can read the key.
import { readFileSync, statSync } from 'node:fs';
import { codeOf, messageOf, quoted } from '../../base/index.ts';
import type { AgentError } from '../../errors.ts';
import { type CredentialPaths, FINDINGS, type Finding as IdentityFinding, isIotCoreHost, verifyIdentity } from '../../identity/index.ts';
import type { CheckCode } from '../catalogue.ts';
import { error, type Finding, ok, skipped } from '../check.ts';
import { oncePerRobot, robotCheck } from '../context.ts';
import { clockFacts } from './clock.ts';

const CONFIGURED_AS = { rootCa: 'root_ca', certFile: 'cert_file', privateKey: 'private_key' } as const;
type FileKey = keyof typeof CONFIGURED_AS;

interface Files {
  readonly texts: { readonly rootCa: string; readonly cert: string; readonly key: string; readonly mode: number } | undefined;
  /** The first unreadable file. */
  readonly missing: { readonly file: FileKey; readonly finding: Finding } | undefined;
}

/** Findings about the files; empty if a file is missing, because the `key` and `certificate` checks report that themselves. */
const identityFindings = oncePerRobot(async (context): Promise<readonly IdentityFinding[]> => {
  const { config, host, paths } = context;
  const texts = paths instanceof Error ? undefined : filesOf(paths).texts;
  if (!texts || paths instanceof Error) return [];
  const { mode, ...content } = texts;
  return verifyIdentity({
    ...content,
    thing: config.thing,
    isIotCore: isIotCoreHost(host),
    nowMs: Date.now(),
    isClockTrusted: (await clockFacts(context)).distrust === null,
    keyFile: { path: paths.privateKey, mode },
  });
});

function filesOf(paths: CredentialPaths): Files {
  let file: FileKey = 'rootCa';
  try {
    const rootCa = readFileSync(paths.rootCa, 'utf8');
    file = 'certFile';
    const cert = readFileSync(paths.certFile, 'utf8');
    file = 'privateKey';
    const texts = { rootCa, cert, key: readFileSync(paths.privateKey, 'utf8'), mode: statSync(paths.privateKey).mode & 0o777 };
    return { texts, missing: undefined };
  } catch (cause) {
    const code = codeOf(cause);
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'this user may not read it' : messageOf(cause);
    const observed = `mqtt.${CONFIGURED_AS[file]} ${paths[file]}: ${reason}`;
    const remedy = 'put the file there, or correct its path in the configuration or the environment';
    return { texts: undefined, missing: { file, finding: error(observed, remedy, `ls -l ${quoted(paths[file])}`) } };
  }
}

export const key = robotCheck('key', 10_000, async (context) => {
  const { paths } = context;
  if (paths instanceof Error) return skipped('there is no key yet', 'certificate');
  const { privateKey: file } = paths;
  const { missing } = filesOf(paths);
  if (missing) return missing.file === 'privateKey' ? missing.finding : skipped('needs the other files', 'certificate');
  const [worst] = (await identityFindings(context)).filter(isAboutKey);
  if (!worst) return ok(`${file} belongs to this certificate, and only its owner can read it`);
  return described(worst, worst.code === 'key_permissions' ? `chmod 600 ${quoted(file)}` : `openssl pkey -noout -in ${quoted(file)}`, file);
});

export const certificate = robotCheck('certificate', 10_000, async (context) => {
  const { paths, credentials } = context;
  if (paths instanceof Error)
    return error(paths.message, paths.remedy ?? 'get a certificate', `elderly-bot certs import FOLDER${context.flag}`);
  const { certFile: file, rootCa, privateKey: keyFile } = paths;
  const { missing } = filesOf(paths);
  if (missing) return missing.file === 'privateKey' ? skipped(`needs ${keyFile}`, 'key') : missing.finding;
  const found = (await identityFindings(context)).filter((finding) => !isAboutKey(finding));
  const worst = found.find(({ severity }) => severity === 'error') ?? found.find(({ severity }) => severity === 'warning');
  const shown = worst?.code.startsWith('root_ca') ? rootCa : file;
  const command = `openssl x509 -noout -subject -issuer -dates -in ${quoted(shown)}`;
  if (worst) return described(worst, command, shown);
  if (credentials instanceof Error && isKeyError(credentials)) return skipped('needs the key', 'key');
  if (credentials instanceof Error) return error(credentials.message, credentials.remedy ?? 'correct the file', command);
  const infos = found.map(({ observed }) => `; ${observed}`).join('');
  return ok(`${file}, valid until ${new Date(credentials.notAfterMs).toISOString().slice(0, 10)}${infos}`);
});

/** Checks that can explain a finding about the files, by its code. */
const BECAUSE: Partial<Record<IdentityFinding['code'], readonly CheckCode[]>> = {
  clock_wrong: ['clock'],
  cert_not_yet_valid: ['clock'],
  cert_expired: ['clock'],
  root_ca_expired: ['clock'],
  issuer_unknown: ['broker_certificate', 'certificate_accepted'],
  name_differs: ['mqtt'],
};

function described({ code, severity, observed, remedy }: IdentityFinding, command: string, file: string): Finding {
  const status = severity === 'error' ? 'error' : 'warning';
  const text = observed.includes(file) ? observed : `${file}: ${observed}`;
  return { status, observed: text, remedy, command, because: BECAUSE[code] ?? [] };
}

function isKeyError({ code, message }: AgentError): boolean {
  return code.startsWith('KEY_') || message.startsWith('mqtt.private_key');
}

function isAboutKey({ code }: IdentityFinding): boolean {
  return FINDINGS[code] === 'key' || FINDINGS[code] === 'permissions';
}
