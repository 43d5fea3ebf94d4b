// Reads and describes how nodes find each other: by the ROS domain, and by the discovery server of Fast DDS. A plain client of the server
// learns only of the endpoints on topics that it uses itself, so `type: auto`, `topics`, `config init` and the doctor would see an empty
// graph. A super client learns of all endpoints.

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns ROS_DISCOVERY_SERVER, or undefined if it names no server or the middleware ignores it. */
export function discoveryServer({ ROS_DISCOVERY_SERVER: servers = '', RMW_IMPLEMENTATION: rmw }: Environment): string | undefined {
  if (rmw && !rmw.includes('fastrtps')) return undefined;
  return addresses(servers).length === 0 ? undefined : servers;
}

/** @returns the addresses in ROS_DISCOVERY_SERVER. An empty place in the list is an unused server id. */
export function addresses(servers: string): string[] {
  return servers.split(';').filter((address) => address.trim() !== '');
}

/** @returns the place where this process looks for nodes, such as `ROS domain 42 at the discovery server 10.42.0.1:11811`. */
export function domainText(domainId: number, env: Environment = process.env): string {
  const server = discoveryServer(env);
  return `ROS domain ${domainId}${server === undefined ? '' : ` at the discovery server ${server}`}`;
}

/**
 * Makes the nodes that this process starts from now on super clients. Fast DDS reads the variable when a context starts. It must override
 * an existing value, because TurtleBot 4 sets the variable to False in every shell without a terminal, and so for every service.
 */
export function becomeSuperClient(env: NodeJS.ProcessEnv = process.env): void {
  if (discoveryServer(env) !== undefined) env.ROS_SUPER_CLIENT = 'TRUE';
}
