const assert = require('node:assert/strict')
const { test } = require('node:test')
const { closed, connect, uniqueClient, uniqueTopic, DEADLINE_MS } = require('./client')

const connect5 = (options = {}) => connect({ protocolVersion: 5, ...options })
const timeout = 2 * DEADLINE_MS

for (const qos of [0, 1, 2]) {
  test(`MQTT 5, QoS ${qos}: properties are passed on, and lost to 3.1.1`, { timeout }, async () => {
    const topic = uniqueTopic()
    const [publisher, subscriber, old] = [await connect5(), await connect5(), await connect()]
    await subscriber.subscribeAsync(topic, { qos, properties: { subscriptionIdentifier: 300 } })
    await old.subscribeAsync(topic, { qos })
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: `${topic}/answers`,
      correlationData: Buffer.from([0, 255, 128]),
      userProperties: { a: ['1', '2'], b: '3' }
    }
    await publisher.publishAsync(topic, 'payload', { qos, properties })
    const [message] = await subscriber.messages(1)
    assert.equal(message.qos, qos)
    assert.equal(message.payload.toString(), 'payload')
    const { subscriptionIdentifier, userProperties, ...others } = message.properties
    assert.deepEqual([subscriptionIdentifier].flat(), [300])
    assert.deepEqual({ ...userProperties }, properties.userProperties)
    delete properties.userProperties
    assert.deepEqual({ ...others }, properties)
    assert.equal((await old.messages(1))[0].payload.toString(), 'payload')
    await old.publishAsync(topic, 'from 3.1.1', { qos })
    assert.equal((await subscriber.messages(1))[0].payload.toString(), 'from 3.1.1')
    for (const client of [publisher, subscriber, old]) await client.endAsync()
  })

  test(`MQTT 5, QoS ${qos}: shared subscription`, { timeout }, async () => {
    const topic = uniqueTopic()
    const members = [await connect5(), await connect5(), await connect()]
    const publisher = await connect5()
    for (const member of members) await member.subscribeAsync(`$share/group/${topic}`, { qos })
    const expected = Array.from({ length: 30 }, (_, number) => String(number))
    for (const payload of expected) await publisher.publishAsync(topic, payload, { qos })
    const received = []
    for (const member of members) {
      received.push(...(await member.messages(10)).map(({ payload }) => payload.toString()))
    }
    assert.deepEqual(received.sort((a, b) => a - b), expected)
    for (const client of [...members, publisher]) await client.endAsync()
  })
}

test('MQTT 5: retained, with the rest of its interval', { timeout }, async () => {
  const topic = uniqueTopic()
  const client = await connect5()
  const properties = { messageExpiryInterval: 1000 }
  await client.publishAsync(topic, 'x', { qos: 1, retain: true, properties })
  await client.subscribeAsync(topic, { qos: 1 })
  const [message] = await client.messages(1)
  assert.equal(message.retain, true)
  const left = message.properties.messageExpiryInterval
  assert.ok(left > 900 && left <= 1000, `${left} s are left`)
  await client.publishAsync(topic, '', { qos: 1, retain: true })
  await client.endAsync()
})

test('MQTT 5: will with delay, dropped when the client is back', { timeout }, async () => {
  const topic = uniqueTopic()
  const watcher = await connect5()
  await watcher.subscribeAsync(topic, { qos: 1 })
  const victim = (willDelayInterval) => connect5({
    clientId: topic.replace('/', '-'),
    clean: false,
    properties: { sessionExpiryInterval: 1000 },
    will: {
      topic,
      payload: Buffer.from(String(willDelayInterval)),
      qos: 1,
      retain: false,
      properties: { willDelayInterval, userProperties: { a: 'b' } }
    }
  })
  for (const delay of [1000, 1]) {
    const client = await victim(delay)
    client.stream.destroy()
    await closed(client)
  }
  const [message] = await watcher.messages(1)
  assert.equal(message.payload.toString(), '1')
  assert.equal(message.properties.userProperties.a, 'b')
  assert.equal(watcher.pending(), 0)
  const last = await connect5({ clientId: topic.replace('/', '-') })
  await last.endAsync()
  await watcher.endAsync()
})

for (const qos of [1, 2]) {
  test(`MQTT 5, QoS ${qos}: session with an interval`, { timeout }, async () => {
    const topic = uniqueTopic()
    const session = { clientId: uniqueClient(), clean: false }
    const kept = { ...session, properties: { sessionExpiryInterval: 1000 } }
    const first = await connect5(kept)
    assert.equal(first.connack.sessionPresent, false)
    await first.subscribeAsync(topic, { qos })
    await first.endAsync()
    const publisher = await connect5()
    for (const payload of ['1', '2', '3']) await publisher.publishAsync(topic, payload, { qos })
    const second = await connect5(session)
    assert.equal(second.connack.sessionPresent, true)
    const messages = await second.messages(3)
    assert.deepEqual(messages.map(({ payload }) => payload.toString()), ['1', '2', '3'])
    await second.endAsync()
    const third = await connect5(session)
    assert.equal(third.connack.sessionPresent, false)
    await third.endAsync()
    await publisher.endAsync()
  })
}

test('MQTT 5: topic alias both ways', { timeout }, async () => {
  const topic = uniqueTopic()
  const subscriber = await connect5({ properties: { topicAliasMaximum: 5 } })
  const publisher = await connect5({ autoAssignTopicAlias: true })
  await subscriber.subscribeAsync(`${topic}/#`, { qos: 1 })
  const topics = Array.from({ length: 60 }, (_, number) => `${topic}/${number % 8}`)
  for (const name of topics) await publisher.publishAsync(name, 'x', { qos: 1 })
  const messages = await subscriber.messages(topics.length)
  assert.deepEqual(messages.map((message) => message.topic), topics)
  await publisher.endAsync()
  await subscriber.endAsync()
})

test('MQTT 5: request and response', { timeout }, async () => {
  const topic = uniqueTopic()
  const [asking, answering] = [await connect5(), await connect5()]
  await asking.subscribeAsync(`${topic}/answers`, { qos: 1 })
  await answering.subscribeAsync(`${topic}/questions`, { qos: 1 })
  const correlationData = Buffer.from([1, 0, 2])
  const properties = { responseTopic: `${topic}/answers`, correlationData }
  await asking.publishAsync(`${topic}/questions`, 'how warm', { qos: 1, properties })
  const [question] = await answering.messages(1)
  await answering.publishAsync(question.properties.responseTopic, '21', {
    qos: 1,
    properties: { correlationData: question.properties.correlationData }
  })
  const [answer] = await asking.messages(1)
  assert.ok(answer.properties.correlationData.equals(correlationData))
  await asking.endAsync()
  await answering.endAsync()
})

test('MQTT 5: a name for a client without one', { timeout }, async () => {
  const client = await connect5({ clientId: '' })
  assert.ok(client.connack.properties.assignedClientIdentifier)
  await client.endAsync()
})
