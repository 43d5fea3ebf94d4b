// Creates the ids under which an alert's rows, images and records are stored.
import { randomBytes } from 'node:crypto';

export function mintIncident(): string {
  return randomBytes(9).toString('base64url');
}
