// What each client of the matrix shows, with MQTT.js: run by Node (mqttjs.js) and by a browser (browser.js).
(function (root, factory) {
  if (typeof module === 'object' && module.exports) module.exports = factory()
  else root.scenarios = factory()
})(globalThis, () => {
  const DEADLINE_MS = 30_000
  const LEVELS = { 3.1: 3, '3.1.1': 4, 5: 5 }
  let number = 0

  /**
   * Runs every scenario once and returns [capability, error or undefined].
   * `connectOptions` are MQTT.js' own, for the transport; `prefix` begins all names.
   */
  async function run (mqtt, url, version, prefix, connectOptions = {}) {
    const level = LEVELS[version]
    const clients = []

    /** Connects and never reconnects by itself. `messages(n)` resolves with the next n messages. */
    async function connect (options = {}) {
      const client = mqtt.connect(url, {
        clientId: `${prefix.slice(-8)}-${number++}`,
        protocolVersion: level,
        protocolId: level === 3 ? 'MQIsdp' : 'MQTT',
        reconnectPeriod: 0,
        connectTimeout: DEADLINE_MS,
        ...connectOptions,
        ...options
      })
      clients.push(client)
      const waiting = []
      let arrived = () => {}
      client.on('message', (topic, payload, { qos, retain }) => {
        waiting.push({ topic, text: payload.toString(), qos, retain })
        arrived()
      })
      client.messages = async (count) => {
        await new Promise((resolve, reject) => {
          const late = () => reject(new Error(`${waiting.length} of ${count} messages`))
          const timer = setTimeout(late, DEADLINE_MS)
          arrived = () => {
            if (waiting.length < count) return
            clearTimeout(timer)
            resolve()
          }
          arrived()
        })
        return waiting.splice(0, count)
      }
      client.connack = await new Promise((resolve, reject) => {
        client.once('connect', resolve)
        client.once('error', reject)
        client.once('close', () => reject(new Error('closed before CONNACK')))
      })
      return client
    }

    const numbers = (count) => Array.from({ length: count }, (_, index) => String(index))
    const same = (what, found, expected) => {
      const [one, other] = [JSON.stringify(found), JSON.stringify(expected)]
      if (one !== other) throw new Error(`${what}: ${one}, expected ${other}`)
    }
    const kept = level === 5
      ? { clean: false, properties: { sessionExpiryInterval: 300 } }
      : { clean: false }

    const quality = (qos) => async (topic) => {
      const [subscriber, publisher] = [await connect(), await connect()]
      await subscriber.subscribeAsync(topic, { qos })
      for (const text of numbers(10)) await publisher.publishAsync(topic, text, { qos })
      const messages = await subscriber.messages(10)
      same('payloads', messages.map(({ text }) => text), numbers(10))
      same('QoS and RETAIN', messages.map(({ qos, retain }) => [qos, retain]), numbers(10).map(() => [qos, false]))
    }

    const capabilities = {
      qos0: quality(0),
      qos1: quality(1),
      qos2: quality(2),
      retained: async (topic) => {
        const publisher = await connect()
        await publisher.publishAsync(topic, 'old', { qos: 1, retain: true })
        const late = await connect()
        await late.subscribeAsync(topic, { qos: 1 })
        same('retained', await late.messages(1), [{ topic, text: 'old', qos: 1, retain: true }])
        await publisher.publishAsync(topic, '', { qos: 1, retain: true })
        const later = await connect()
        await later.subscribeAsync(topic, { qos: 1 })
        await publisher.publishAsync(topic, 'new', { qos: 1 })
        same('after it is cleared', await later.messages(1), [{ topic, text: 'new', qos: 1, retain: false }])
      },
      will: async (topic) => {
        const watcher = await connect()
        await watcher.subscribeAsync(topic, { qos: 1 })
        const victim = await connect({ will: { topic, payload: 'gone', qos: 1, retain: false } })
        victim.stream.destroy()
        same('will', await watcher.messages(1), [{ topic, text: 'gone', qos: 1, retain: false }])
      },
      session: async (topic) => {
        const clientId = `${prefix.slice(-8)}-kept`
        const first = await connect({ clientId, ...kept })
        same('Session Present', first.connack.sessionPresent, false)
        await first.subscribeAsync(topic, { qos: 1 })
        await first.endAsync()
        const publisher = await connect()
        for (const text of numbers(3)) await publisher.publishAsync(topic, text, { qos: 1 })
        const second = await connect({ clientId, ...kept })
        // MQTT 3.1 has no Session Present.
        if (level > 3) same('Session Present', second.connack.sessionPresent, true)
        same('kept', (await second.messages(3)).map(({ text }) => text), numbers(3))
        await second.endAsync()
        await (await connect({ clientId, clean: true })).endAsync()
      },
      shared: async (topic) => {
        const members = [await connect(), await connect()]
        for (const member of members) await member.subscribeAsync(`$share/group/${topic}`, { qos: 1 })
        const publisher = await connect()
        for (const text of numbers(20)) await publisher.publishAsync(topic, text, { qos: 1 })
        const halves = await Promise.all(members.map((member) => member.messages(10)))
        const all = halves.flat().map(({ text }) => Number(text))
        same('both together', all.sort((one, other) => one - other), numbers(20).map(Number))
      }
    }

    const results = []
    for (const [capability, scenario] of Object.entries(capabilities)) {
      try {
        await scenario(`${prefix}/${version}/${capability}`)
        results.push([capability])
      } catch (error) {
        results.push([capability, String(error?.message ?? error)])
      }
      await Promise.all(clients.splice(0).map((client) => client.endAsync(true)))
    }
    return results
  }

  return { run }
})
