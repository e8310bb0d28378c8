const assert = require('node:assert/strict')
const { test } = require('node:test')
const { closed, connect, uniqueClient, uniqueTopic, DEADLINE_MS } = require('./client')

for (const qos of [1, 2]) {
  test(`clean: false resumes, QoS ${qos}`, { timeout: 2 * DEADLINE_MS }, async () => {
    const topic = uniqueTopic()
    const session = { clientId: uniqueClient(), clean: false }
    const first = await connect(session)
    assert.equal(first.connack.sessionPresent, false)
    await first.subscribeAsync(topic, { qos })
    await first.endAsync()

    const publisher = await connect()
    const expected = ['1', '2', '3', '4', '5']
    for (const payload of expected) await publisher.publishAsync(topic, payload, { qos })

    const second = await connect(session)
    assert.equal(second.connack.sessionPresent, true)
    const messages = await second.messages(expected.length)
    assert.deepEqual(messages.map((message) => message.payload.toString()), expected)
    assert.ok(messages.every((message) => message.qos === qos && !message.retain))
    await second.endAsync()

    const clean = await connect({ ...session, clean: true })
    assert.equal(clean.connack.sessionPresent, false)
    await clean.endAsync()
    await publisher.endAsync()
  })
}

test('a second client with the same identifier takes over', { timeout: 2 * DEADLINE_MS }, async () => {
  const clientId = uniqueClient()
  const old = await connect({ clientId })
  const end = closed(old)
  const young = await connect({ clientId })
  await end
  await young.endAsync()
})

test('unsubscribe', { timeout: 2 * DEADLINE_MS }, async () => {
  const topic = uniqueTopic()
  const client = await connect()
  await client.subscribeAsync([`${topic}/a`, `${topic}/b`], { qos: 1 })
  await client.unsubscribeAsync(`${topic}/a`)
  await client.publishAsync(`${topic}/a`, 'a', { qos: 1 })
  await client.publishAsync(`${topic}/b`, 'b', { qos: 1 })
  const [message] = await client.messages(1)
  assert.equal(message.payload.toString(), 'b')
  await client.endAsync()
})

test('keep alive: the library pings and stays', { timeout: 2 * DEADLINE_MS }, async () => {
  const topic = uniqueTopic()
  const client = await connect({ keepalive: 1 })
  const pongs = new Promise((resolve) => {
    let count = 0
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'pingresp' && ++count === 2) resolve()
    })
  })
  await pongs
  await client.subscribeAsync(topic)
  await client.publishAsync(topic, 'alive')
  assert.equal((await client.messages(1))[0].payload.toString(), 'alive')
  await client.endAsync()
})
