const assert = require('node:assert/strict')
const { test } = require('node:test')
const { closed, connect, uniqueClient, DEADLINE_MS } = require('./client')

test('MQTT 5: a client that is taken over is told', { timeout: 2 * DEADLINE_MS }, async () => {
  const options = { clientId: uniqueClient(), protocolVersion: 5 }
  const old = await connect(options)
  let reason
  old.once('disconnect', (packet) => { reason = packet.reasonCode })
  const end = closed(old)
  const young = await connect(options)
  await end
  await young.endAsync()
  assert.equal(reason, 0x8e)
})
