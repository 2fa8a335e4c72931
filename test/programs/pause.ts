/** A child that ends once it is told to, or when nobody can tell it any more. */
import { type Connection, EOFError } from 'multiproc';

export function pause(end: Connection): void {
  try {
    end.recvSync();
  } catch (error) {
    if (!(error instanceof EOFError)) throw error;
  }
}
