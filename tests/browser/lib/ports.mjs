// Ports on the loopback addresses: free ones, and mute ones.

import dgram from 'node:dgram';
import net from 'node:net';
import { once } from 'node:events';

/** A port that nothing listens on, neither TCP nor UDP, at the moment it is asked for. */
export async function free() {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const tcp = net.createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address();
    const udp = await bind('udp4', '127.0.0.1', port).catch(() => null);
    await new Promise((done) => tcp.close(done));
    if (udp) {
      await close(udp);
      return port;
    }
  }
  throw new Error('no port is free for both TCP and UDP on 127.0.0.1');
}

/**
 * A UDP port that takes everything and answers nothing, on both loopback families, as behind a firewall that drops.
 *
 * @returns {Promise<{ port: number, datagrams: () => number, close: () => Promise<void> }>} `datagrams` tells how many
 *   were swallowed, so that a test can show that somebody tried.
 */
export async function mute() {
  const port = await free();
  const sockets = [await bind('udp4', '127.0.0.1', port)];
  // A machine without IPv6 has nothing to be silent on there.
  const six = await bind('udp6', '::1', port).catch(() => null);
  if (six) sockets.push(six);
  let swallowed = 0;
  for (const socket of sockets) socket.on('message', () => (swallowed += 1));
  return { port, datagrams: () => swallowed, close: () => Promise.all(sockets.map(close)) };
}

async function bind(type, address, port) {
  const socket = dgram.createSocket({ type, ipv6Only: type === 'udp6' });
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

function close(socket) {
  return new Promise((done) => socket.close(done));
}
