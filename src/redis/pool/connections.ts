/** The connections of one member of a pool beside the context's shared one. */
import type { RedisClient } from '../client.js';
import type { Link } from '../link.js';

export class Connections {
  readonly #link: Link;
  readonly #open: RedisClient[] = [];

  constructor(link: Link) {
    this.#link = link;
  }

  open(): RedisClient {
    const client = this.#link.connection();
    this.#open.push(client);
    return client;
  }

  end(): void {
    for (const client of this.#open) client.disconnect();
  }
}
