// The robot's certificate and key files: present, a pair, private, valid now, and for this purpose.
import { readFileSync, statSync } from 'node:fs';
import { codeOf, messageOf, quoted } from '../../base/index.ts';
import type { AgentError } from '../../errors.ts';
import { type CredentialPaths, FINDINGS, type Finding as IdentityFinding, isIotCoreHost, verifyIdentity } from '../../identity/index.ts';
import type { CheckCode } from '../catalogue.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, robotCheck, skipped } from '../context.ts';
import { isClockTrusted } from './clock.ts';

interface Files {
  readonly texts: { readonly ca: string; readonly cert: string; readonly key: string; readonly mode: number } | undefined;
  /** The first file that cannot be read, by its key in the configuration. */
  readonly missing: { readonly file: keyof CredentialPaths; readonly observed: string; readonly path: string } | undefined;
}

const looks = new WeakMap<DoctorContext, Promise<readonly IdentityFinding[]>>();

/** @returns the findings about the files; none if a file is missing. */
export function identityFindings(context: DoctorContext): Promise<readonly IdentityFinding[]> {
  const found = looks.get(context) ?? look(context);
  looks.set(context, found);
  return found;
}

async function look({ config, host, paths }: DoctorContext): Promise<readonly IdentityFinding[]> {
  const { texts } = paths instanceof Error ? { texts: undefined } : filesOf(paths);
  if (!texts) return [];
  const { ca, cert, key, mode } = texts;
  return verifyIdentity({
    cert,
    key,
    rootCa: ca,
    thing: config.thing,
    isIotCore: isIotCoreHost(host),
    nowMs: Date.now(),
    isClockTrusted: isClockTrusted(config.state_dir),
    ...(paths instanceof Error ? {} : { keyFile: { path: paths.privateKey, mode } }),
  });
}

function filesOf(paths: CredentialPaths): Files {
  let file: keyof CredentialPaths = 'rootCa';
  try {
    const ca = readFileSync(paths.rootCa, 'utf8');
    file = 'certFile';
    const cert = readFileSync(paths.certFile, 'utf8');
    file = 'privateKey';
    const texts = { ca, cert, key: readFileSync(paths.privateKey, 'utf8'), mode: statSync(paths.privateKey).mode & 0o777 };
    return { texts, missing: undefined };
  } catch (error) {
    const code = codeOf(error);
    const why = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'this user may not read it' : messageOf(error);
    return { texts: undefined, missing: { file, path: paths[file], observed: `mqtt.${CONFIGURED_AS[file]} ${paths[file]}: ${why}` } };
  }
}

const CONFIGURED_AS = { rootCa: 'root_ca', certFile: 'cert_file', privateKey: 'private_key' } as const;

export const key = robotCheck('key', 10_000, async (context): Promise<Finding> => {
  const { paths } = context;
  if (paths instanceof Error) return { ...skipped('there is no key yet'), because: ['certificate'] };
  const { privateKey: file } = paths;
  const { missing } = filesOf(paths);
  if (missing) return missing.file === 'privateKey' ? absent(missing) : { ...skipped('needs the other files'), because: ['certificate'] };
  const [worst] = (await identityFindings(context)).filter(isAboutKey);
  if (!worst) return ok(`${file} belongs to this certificate, and only its owner can read it`);
  return described(worst, worst.code === 'key_permissions' ? `chmod 600 ${quoted(file)}` : `openssl pkey -noout -in ${quoted(file)}`, file);
});

export const certificate = robotCheck('certificate', 10_000, async (context): Promise<Finding> => {
  const { paths } = context;
  if (paths instanceof Error)
    return {
      status: 'error',
      observed: paths.message,
      remedy: paths.remedy ?? 'get a certificate',
      command: `elderly-bot certs import FOLDER${context.flag}`,
    };
  const { certFile: file, rootCa, privateKey: keyFile } = paths;
  const { missing } = filesOf(paths);
  if (missing) return missing.file === 'privateKey' ? { ...skipped(`needs ${keyFile}`), because: ['key'] } : absent(missing);
  const found = (await identityFindings(context)).filter((one) => !isAboutKey(one));
  const worst = found.find(({ severity }) => severity === 'error') ?? found.find(({ severity }) => severity === 'warning');
  const isRoot = worst?.code.startsWith('root_ca') ?? false;
  const command = `openssl x509 -noout -subject -issuer -dates -in ${quoted(isRoot ? rootCa : file)}`;
  if (worst) return described(worst, command, isRoot ? rootCa : file);
  const { credentials } = context;
  if (credentials instanceof Error && isOfKey(credentials)) return { ...skipped('needs the key'), because: ['key'] };
  if (credentials instanceof Error)
    return { status: 'error', observed: credentials.message, remedy: credentials.remedy ?? 'correct the file', command };
  const infos = found.map(({ observed }) => `; ${observed}`).join('');
  return ok(`${file}, valid until ${new Date(credentials.notAfterMs).toISOString().slice(0, 10)}${infos}`);
});

/** The checks that can explain a finding about the files. */
const BECAUSE: Partial<Record<IdentityFinding['code'], readonly CheckCode[]>> = {
  clock_wrong: ['clock'],
  cert_not_yet_valid: ['clock'],
  cert_expired: ['clock'],
  root_ca_expired: ['clock'],
  issuer_unknown: ['broker_certificate', 'certificate_accepted'],
  name_differs: ['mqtt'],
};

function described({ code, severity, observed, remedy }: IdentityFinding, command: string, file: string): Finding {
  const because = BECAUSE[code];
  const status = severity === 'error' ? 'error' : 'warning';
  const text = observed.includes(file) ? observed : `${file}: ${observed}`;
  return { status, observed: text, remedy, command, ...(because ? { because } : { because: [] }) };
}

function absent({ observed, path }: { readonly observed: string; readonly path: string }): Finding {
  return {
    status: 'error',
    observed,
    remedy: 'put the file there, or point the configuration or the environment at it',
    command: `ls -l ${quoted(path)}`,
  };
}

function isOfKey({ code, message }: AgentError): boolean {
  return code.startsWith('KEY_') || message.startsWith('mqtt.private_key');
}

function isAboutKey({ code }: IdentityFinding): boolean {
  return FINDINGS[code] === 'key' || FINDINGS[code] === 'permissions';
}
