// Plays the part of AWS IoT Core that provisions robots, over mutual TLS: pending, active and deleted certificates, ownership tokens that
// are valid once and for an hour, templates, and rights by certificate. It follows the documentation (Device provisioning MQTT API) and
// closes the connection after a forbidden packet, as IoT Core does. A script can replace each answer.
import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import type { IPublishPacket, Packet } from 'mqtt-packet';
import { type BenchFiles, CREATE_TOPIC, type IssuedFiles, provisionTopic } from '../../src/identity/index.ts';
import { PacketServer, type Wire } from './packetServer.ts';

export interface Rejection {
  readonly statusCode: number;
  readonly errorCode: string;
  readonly errorMessage: string;
}

/** `silence` sends no answer, `cut` closes the connection, `garbage` sends an accepted answer that is not JSON. */
export type Reply = 'accept' | 'silence' | 'cut' | 'garbage' | 'empty' | Rejection;

export interface IotScript {
  /** The answer to the nth request on a topic. */
  readonly create?: (nth: number) => Reply;
  readonly provision?: (nth: number) => Reply;
  /** The thing's name that the template makes from the parameters. */
  readonly thingFor?: (parameters: Readonly<Record<string, string>>) => string;
  /** Number of connects with a new certificate that are refused first. */
  readonly slowActivations?: number;
  /** Topics that a robot may neither publish nor subscribe to. */
  readonly forbidden?: readonly string[];
}

interface Known {
  readonly pem: string;
  readonly token: string;
  status: 'pending' | 'active' | 'inactive';
  thing: string | null;
  tokenUsed: boolean;
  refusals: number;
}

export const TEMPLATE = 'elderly-bot';

export class IotCore {
  readonly certificates = new Map<string, Known>();
  readonly things = new Set<string>();
  /** Client ids in the order of their connects. */
  readonly connected: string[] = [];
  readonly published: { readonly topic: string; readonly text: string }[] = [];
  creates = 0;
  provisions = 0;
  readonly #files: BenchFiles;
  readonly #claim: string;
  #server: PacketServer | undefined;
  readonly #byName = new Map<string, Wire>();
  #tokensExpired = new Set<string>();
  #script: IotScript = {};

  private constructor(files: BenchFiles, claim: IssuedFiles) {
    this.#files = files;
    this.#claim = fingerprint(new X509Certificate(readFileSync(claim.cert)).raw);
  }

  static async start(files: BenchFiles, claim: IssuedFiles): Promise<IotCore> {
    const core = new IotCore(files, claim);
    core.#server = await PacketServer.start(files, (wire) => core.#serve(wire));
    return core;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  behave(script: IotScript): void {
    this.#script = script;
  }

  /** Plays the end of an hour: all tokens expire, and unregistered certificates are deleted. */
  passHour(): void {
    for (const [id, known] of this.certificates) {
      this.#tokensExpired.add(known.token);
      if (known.status === 'pending') this.certificates.delete(id);
    }
  }

  /** Registers a certificate as a person would in the console. */
  register(certPem: string, thing: string): void {
    const id = fingerprint(new X509Certificate(certPem).raw);
    this.certificates.set(id, { pem: certPem, token: '', status: 'active', thing, tokenUsed: true, refusals: Number.POSITIVE_INFINITY });
  }

  registerFile(cert: string, thing: string): void {
    this.register(readFileSync(cert, 'utf8'), thing);
  }

  get active(): Known[] {
    return [...this.certificates.values()].filter(({ status }) => status === 'active');
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #serve(wire: Wire): (packet: Packet) => void {
    const id = fingerprint(wire.certificate);
    return (packet) => {
      if (packet.cmd === 'connect') {
        if (!this.#lets(id, packet.clientId)) return wire.cut();
        this.connected.push(packet.clientId);
        // A new connection replaces an older one with the same client id.
        this.#byName.get(packet.clientId)?.cut();
        this.#byName.set(packet.clientId, wire);
        return wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
      }
      if (packet.cmd === 'subscribe') {
        const granted = packet.subscriptions.map(({ topic }) => (this.#may(id, topic) ? 1 : 135));
        return wire.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
      }
      if (packet.cmd === 'pingreq') return wire.send({ cmd: 'pingresp' });
      if (packet.cmd !== 'publish') return;
      if (!this.#may(id, packet.topic)) return wire.cut();
      wire.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
      void this.#take(packet, wire);
    };
  }

  #lets(id: string, clientId: string): boolean {
    if (id === this.#claim) return true;
    const known = this.certificates.get(id);
    if (known?.status !== 'active' || known.thing !== clientId) return false;
    return known.refusals++ >= (this.#script.slowActivations ?? 0);
  }

  /** A claim certificate may only request a certificate. A robot may do so too, to renew its own. */
  #may(id: string, topic: string): boolean {
    if (this.#script.forbidden?.some((each) => topic.startsWith(each))) return false;
    return topic.startsWith('$aws/') || id !== this.#claim;
  }

  async #take({ topic, payload }: IPublishPacket, wire: Wire): Promise<void> {
    this.published.push({ topic, text: payload.toString() });
    const reply = this.#scripted(topic);
    if (!topic.startsWith('$aws/') || reply === 'silence') return;
    if (reply === 'cut') {
      wire.cut();
      return;
    }
    const answer = (which: 'accepted' | 'rejected', body: string) =>
      wire.send({ cmd: 'publish', topic: `${topic}/${which}`, payload: body, qos: 0, dup: false, retain: false });
    if (reply === 'garbage') return answer('accepted', 'accepted!');
    if (reply === 'empty') return answer('accepted', '{}');
    if (typeof reply === 'object') return answer('rejected', JSON.stringify(reply));
    const body = JSON.parse(payload.toString()) as Record<string, unknown>;
    const outcome = topic === CREATE_TOPIC ? await this.#create(body) : this.#provision(topic, body);
    answer('statusCode' in outcome ? 'rejected' : 'accepted', JSON.stringify(outcome));
  }

  #scripted(topic: string): Reply | undefined {
    const { create, provision } = this.#script;
    if (topic === CREATE_TOPIC) {
      this.creates++;
      return create?.(this.creates);
    }
    if (topic !== provisionTopic(TEMPLATE)) return undefined;
    this.provisions++;
    return provision?.(this.provisions);
  }

  async #create({ certificateSigningRequest }: Record<string, unknown>): Promise<object> {
    const request = new Pkcs10CertificateRequest(String(certificateSigningRequest));
    if (!(await request.verify()))
      return { statusCode: 400, errorCode: 'InvalidCSR', errorMessage: 'The CSR is not signed by its own key' };
    const pem = `${await this.#files.authority.certify(request.publicKey, { name: 'AWS IoT Certificate' })}\n`;
    const id = fingerprint(new X509Certificate(pem).raw);
    const token = `token-${id}`;
    this.certificates.set(id, { pem, token, status: 'pending', thing: null, tokenUsed: false, refusals: 0 });
    return { certificateOwnershipToken: token, certificateId: id, certificatePem: pem };
  }

  #provision(topic: string, { certificateOwnershipToken: token, parameters }: Record<string, unknown>): object {
    if (topic !== provisionTopic(TEMPLATE)) return { statusCode: 404, errorCode: 'ResourceNotFound', errorMessage: 'No such template' };
    const known = [...this.certificates.values()].find((each) => each.token === token);
    if (!known || known.tokenUsed || this.#tokensExpired.has(known.token)) {
      return { statusCode: 400, errorCode: 'InvalidCertificateOwnershipToken', errorMessage: 'Certificate ownership token is invalid' };
    }
    const given = (parameters ?? {}) as Record<string, string>;
    const thing = this.#script.thingFor?.(given) ?? given.ThingName;
    if (thing === undefined)
      return { statusCode: 400, errorCode: 'InvalidParameters', errorMessage: 'Missing required parameter ThingName' };
    [known.status, known.thing, known.tokenUsed] = ['active', thing, true];
    this.things.add(thing);
    return { deviceConfiguration: {}, thingName: thing };
  }
}

function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
