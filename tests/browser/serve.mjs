// `cargo xtask demo`: a server with a demo organisation, for a person, until Ctrl-C.

import { parseArgs } from 'node:util';

import { CITY_CLINIC, Server } from './lib/server.mjs';

const { values } = parseArgs({ options: { 'udp-blocked': { type: 'boolean' }, keep: { type: 'boolean' } } });
const server = await Server.start({ udpBlocked: values['udp-blocked'], keep: values.keep });
await server.setUp();

console.log(`
Handlens is running with a demo organisation, ${CITY_CLINIC.organisation}.

  Console    ${server.origin}/
  E-mail     ${CITY_CLINIC.email}
  Password   ${CITY_CLINIC.password}

To join as a patient: make a session in the console, make an invite, and open its link in a second browser window
on this computer. (A phone needs HTTPS for its camera; README.md says how one on the same network joins.)
${values['udp-blocked'] ? '\nThe announced UDP port is mute: video goes over the WebSocket.\n' : ''}
Ctrl-C ends it${values.keep ? ` and leaves ${server.folder}` : ' and removes everything'}.`);

const asked = await Promise.race([
  ...['SIGINT', 'SIGTERM'].map((signal) => new Promise((ended) => process.once(signal, () => ended(true)))),
  server.ended.then(() => false),
]);
await server.stop();
if (values.keep) console.log(`\nThe server's folder is ${server.folder}`);
if (!asked) {
  console.error(`\nThe server ended by itself and said:\n${server.stderr}`);
  process.exitCode = 1;
}
