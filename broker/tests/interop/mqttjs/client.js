// What the tests of this folder share: a client of the broker in MQTT_URL, messages under a deadline, names of their own.
const { randomUUID } = require('node:crypto')
const mqtt = require('mqtt')

const DEADLINE_MS = 10_000

/** A Topic Name that no other test and no other run uses. */
const uniqueTopic = () => `interop/${randomUUID().slice(0, 13)}`

/** A Client Identifier of at most 23 characters. */
const uniqueClient = () => `mqttjs-${randomUUID().slice(0, 13)}`

/** Connects and never reconnects by itself. `messages(n)` resolves with the next n messages in the order of arrival. */
async function connect (options = {}) {
  const client = mqtt.connect(process.env.MQTT_URL, {
    clientId: uniqueClient(),
    reconnectPeriod: 0,
    connectTimeout: DEADLINE_MS,
    ...options
  })
  const waiting = []
  let arrived = () => {}
  // Before CONNACK: a resumed session sends its messages at once.
  client.on('message', (topic, payload, packet) => {
    const { qos, retain, dup, properties } = packet
    waiting.push({ topic, payload, qos, retain, dup, properties })
    arrived()
  })
  client.messages = async (count) => {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${waiting.length} of ${count} messages after ${DEADLINE_MS} ms`))
      }, DEADLINE_MS)
      arrived = () => {
        if (waiting.length < count) return
        clearTimeout(timer)
        resolve()
      }
      arrived()
    })
    return waiting.splice(0, count)
  }
  client.pending = () => waiting.length
  client.connack = await new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed before CONNACK')))
  })
  return client
}

/** Resolves when the Network Connection is closed. */
const closed = (client) => new Promise((resolve) => client.once('close', resolve))

module.exports = { closed, connect, uniqueClient, uniqueTopic, DEADLINE_MS }
