// Connections are kept for the next request: on a narrow link a handshake takes longer than a question to the cloud, and on a fast link as
// long as a picture.
import http from 'node:http';
import https from 'node:https';

/** Short, because the robot may change networks, and then the server no longer receives on the old connection. */
const KEPT_MS = 10_000;
/** One to the cloud, one to the object store. */
const KEPT = 2;

const OPTIONS = { keepAlive: true, timeout: KEPT_MS, maxFreeSockets: KEPT };

export const AGENTS = { httpAgent: new http.Agent(OPTIONS), httpsAgent: new https.Agent(OPTIONS) };
