const assert = require('node:assert/strict')
const { test } = require('node:test')
const { connect, uniqueTopic, DEADLINE_MS } = require('./client')

test('retained: set, replaced, live, deleted', { timeout: 2 * DEADLINE_MS }, async () => {
  const topic = uniqueTopic()
  const publisher = await connect()
  const subscriber = await connect()
  await publisher.publishAsync(topic, '20', { qos: 1, retain: true })
  await publisher.publishAsync(topic, '21', { qos: 1, retain: true })

  await subscriber.subscribeAsync(`${topic}/#`, { qos: 1 })
  const [old] = await subscriber.messages(1)
  assert.deepEqual([old.payload.toString(), old.retain], ['21', true])

  await publisher.publishAsync(topic, '22', { qos: 1, retain: true })
  const [live] = await subscriber.messages(1)
  assert.deepEqual([live.payload.toString(), live.retain], ['22', false])

  await publisher.publishAsync(topic, '', { qos: 1, retain: true })
  const [deletion] = await subscriber.messages(1)
  assert.equal(deletion.payload.length, 0)

  const late = await connect()
  await late.subscribeAsync(topic, { qos: 1 })
  await publisher.publishAsync(topic, 'first', { qos: 1 })
  const [first] = await late.messages(1)
  assert.equal(first.payload.toString(), 'first')
  await Promise.all([publisher, subscriber, late].map((client) => client.endAsync()))
})
