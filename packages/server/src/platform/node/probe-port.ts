import { createServer } from 'node:net';

/** Opens the port and closes it again; gives the error where that fails. */
export async function probePort(address: string, port: number): Promise<unknown> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, resolve);
    });
  } catch (error) {
    return error;
  }
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return undefined;
}
