const assert = require('node:assert/strict')
const { test } = require('node:test')
const { connect, uniqueTopic, DEADLINE_MS } = require('./client')

const PAYLOADS = {
  text: Buffer.from('21'),
  empty: Buffer.alloc(0),
  binary: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  '100 KiB': Buffer.alloc(100 * 1024, 'temperature')
}

for (const qos of [0, 1, 2]) {
  for (const [kind, payload] of Object.entries(PAYLOADS)) {
    test(`QoS ${qos}, ${kind}`, { timeout: 2 * DEADLINE_MS }, async () => {
      const topic = uniqueTopic()
      const subscriber = await connect()
      const publisher = await connect()
      const [granted] = await subscriber.subscribeAsync(topic, { qos })
      assert.equal(granted.qos, qos)
      await publisher.publishAsync(topic, payload, { qos })
      const [message] = await subscriber.messages(1)
      assert.equal(message.topic, topic)
      assert.equal(message.qos, qos)
      assert.equal(message.retain, false)
      assert.ok(message.payload.equals(payload))
      await publisher.endAsync()
      await subscriber.endAsync()
    })
  }

  test(`QoS ${qos}, 500 messages in order`, { timeout: 2 * DEADLINE_MS }, async () => {
    const topic = uniqueTopic()
    const subscriber = await connect()
    const publisher = await connect()
    await subscriber.subscribeAsync(topic, { qos })
    const expected = Array.from({ length: 500 }, (_, number) => String(number))
    // Waves below the 20 QoS 2 messages that mosquitto takes at once.
    for (let start = 0; start < expected.length; start += 20) {
      const wave = expected.slice(start, start + 20)
      await Promise.all(wave.map((payload) => publisher.publishAsync(topic, payload, { qos })))
    }
    const messages = await subscriber.messages(expected.length)
    assert.deepEqual(messages.map((message) => message.payload.toString()), expected)
    await publisher.endAsync()
    await subscriber.endAsync()
    assert.equal(subscriber.pending(), 0)
  })
}

test('MQTT 3.1', { timeout: 2 * DEADLINE_MS }, async () => {
  const topic = uniqueTopic()
  const client = await connect({ protocolId: 'MQIsdp', protocolVersion: 3 })
  await client.subscribeAsync(topic, { qos: 2 })
  for (const qos of [0, 1, 2]) {
    await client.publishAsync(topic, String(qos), { qos })
    const [message] = await client.messages(1)
    assert.equal(message.payload.toString(), String(qos))
    assert.equal(message.qos, qos)
  }
  await client.endAsync()
})
