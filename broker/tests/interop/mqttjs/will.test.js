const assert = require('node:assert/strict')
const { test } = require('node:test')
const { closed, connect, uniqueTopic, DEADLINE_MS } = require('./client')

for (const qos of [0, 1, 2]) {
  test(`will, QoS ${qos}: sent on a broken connection`, { timeout: 2 * DEADLINE_MS }, async () => {
    const topic = uniqueTopic()
    const watcher = await connect()
    await watcher.subscribeAsync(topic, { qos: 2 })
    const victim = await connect({ will: { topic, payload: Buffer.from('gone'), qos, retain: false } })
    victim.stream.destroy()
    const [message] = await watcher.messages(1)
    assert.deepEqual([message.payload.toString(), message.qos, message.retain], ['gone', qos, false])
    await watcher.endAsync()
  })
}

test('will: retained', { timeout: 2 * DEADLINE_MS }, async () => {
  const topic = uniqueTopic()
  const watcher = await connect()
  await watcher.subscribeAsync(topic, { qos: 1 })
  const victim = await connect({ will: { topic, payload: Buffer.from('offline'), qos: 1, retain: true } })
  victim.stream.destroy()
  assert.equal((await watcher.messages(1))[0].retain, false)
  const late = await connect()
  await late.subscribeAsync(topic, { qos: 1 })
  const [message] = await late.messages(1)
  assert.deepEqual([message.payload.toString(), message.retain], ['offline', true])
  await late.publishAsync(topic, '', { qos: 1, retain: true })
  await watcher.endAsync()
  await late.endAsync()
})

test('will: discarded by DISCONNECT', { timeout: 2 * DEADLINE_MS }, async () => {
  const topic = uniqueTopic()
  const watcher = await connect()
  await watcher.subscribeAsync(topic, { qos: 1 })
  const polite = await connect({ will: { topic, payload: Buffer.from('gone'), qos: 1, retain: false } })
  const end = closed(polite)
  await polite.endAsync()
  await end
  await watcher.publishAsync(topic, 'after', { qos: 1 })
  const [message] = await watcher.messages(1)
  assert.equal(message.payload.toString(), 'after')
  await watcher.endAsync()
})
