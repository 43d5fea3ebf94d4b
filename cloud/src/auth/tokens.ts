// The user's token: a JWT, HS256, that says who until when and nothing else.
import { jwtVerify, SignJWT } from 'jose';
import { HttpError } from '../http/index.ts';

export const TOKEN_LIFETIME_S = 7 * 24 * 3_600;
const ALGORITHM = 'HS256';

export interface Bearer {
  readonly userId: number;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

export class Tokens {
  readonly #key: Uint8Array;

  /** @param secretKey at least 32 characters. */
  constructor(secretKey: string) {
    this.#key = new TextEncoder().encode(secretKey);
  }

  issue(userId: number, nowMs = Date.now()): Promise<string> {
    const nowS = Math.floor(nowMs / 1_000);
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setSubject(String(userId))
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + TOKEN_LIFETIME_S)
      .sign(this.#key);
  }

  /** @throws HttpError 401. */
  async verify(authorization: string | undefined): Promise<Bearer> {
    const token = bearerOf(authorization);
    try {
      const { payload } = await jwtVerify(token, this.#key, { algorithms: [ALGORITHM], requiredClaims: ['sub', 'exp', 'iat'] });
      if (!/^[1-9]\d{0,9}$/.test(payload.sub ?? '')) throw new Error('sub is no user');
      return { userId: Number(payload.sub), expiresMs: Number(payload.exp) * 1_000 };
    } catch (error) {
      const expired = (error as { code?: unknown }).code === 'ERR_JWT_EXPIRED';
      throw new HttpError(401, expired ? 'the token has expired; log in again' : 'the token is not valid; log in again');
    }
  }
}

/** @throws HttpError 401 where there is none. */
export function bearerOf(authorization: string | undefined): string {
  const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1];
  if (!token) throw new HttpError(401, 'send a token: Authorization: Bearer <token>');
  return token;
}
