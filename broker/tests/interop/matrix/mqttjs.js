// MQTT.js in Node: the matrix' scenarios over one transport. See harness/matrix.py for what comes in and goes out.
const { readFileSync } = require('node:fs')
const mqtt = require('mqtt')
const { run } = require('./scenarios')

const { TRANSPORT, VERSIONS, HOST, PORT, AUTHORITY, PREFIX } = process.env
const url = {
  tcp: `mqtt://${HOST}:${PORT}`,
  tls: `mqtts://${HOST}:${PORT}`,
  ws: `ws://${HOST}:${PORT}/mqtt`,
  wss: `wss://${HOST}:${PORT}/mqtt`
}[TRANSPORT]

async function main () {
  console.log(['client', 'MQTT.js', require('mqtt/package.json').version].join('\t'))
  for (const version of VERSIONS.split(' ')) {
    for (const [capability, error] of await run(mqtt, url, version, PREFIX, { ca: readFileSync(AUTHORITY) })) {
      console.log([version, capability, error ? 'fail' : 'pass', error ?? ''].join('\t'))
    }
  }
}

main().then(() => process.exit(0))
