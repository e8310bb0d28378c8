// MQTT.js' own bundle in headless Chromium, in a page that another origin than the broker's serves.
const { readFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { dirname, join } = require('node:path')
const { chromium } = require('playwright-core')

const { TRANSPORT, VERSIONS, HOST, PORT, PREFIX, CHROMIUM } = process.env
const FILES = {
  '/': ['text/html', '<!doctype html><script src="mqtt.js"></script><script src="scenarios.js"></script>'],
  '/mqtt.js': ['text/javascript', readFileSync(join(dirname(require.resolve('mqtt/package.json')), 'dist/mqtt.min.js'))],
  '/scenarios.js': ['text/javascript', readFileSync(join(__dirname, 'scenarios.js'))]
}

/** What the tutorial's sensor and display do, in one page: returns what the display shows. */
async function tutorial ([url, topic]) {
  const connected = (options) => new Promise((resolve, reject) => {
    const client = window.mqtt.connect(url, { reconnectPeriod: 0, ...options })
    client.once('connect', () => resolve(client))
    client.once('error', reject)
  })
  const sensor = await connected({ will: { topic: `${topic}/alive`, payload: 'no', qos: 1, retain: true } })
  await sensor.publishAsync(topic, '21', { qos: 0, retain: true })
  await sensor.publishAsync(`${topic}/alive`, 'yes', { qos: 1, retain: true })
  const display = await connected()
  const shown = []
  const shows = (count) => new Promise((resolve) => {
    const look = () => shown.length >= count ? resolve() : setTimeout(look, 10)
    look()
  })
  display.on('message', (name, payload, { retain }) => shown.push(`${name.slice(topic.length)} ${payload} ${retain}`))
  await display.subscribeAsync(topic, { qos: 1 })
  await shows(1)
  await display.subscribeAsync(`${topic}/alive`, { qos: 1 })
  await shows(2)
  await sensor.publishAsync(topic, '22', { qos: 0, retain: true })
  await shows(3)
  sensor.stream.destroy()
  await shows(4)
  await display.unsubscribeAsync([topic, `${topic}/alive`])
  for (const name of [topic, `${topic}/alive`]) await display.publishAsync(name, '', { qos: 1, retain: true })
  await display.endAsync()
  return shown
}

async function main () {
  const server = createServer((request, response) => {
    const [type, body] = FILES[request.url] ?? ['text/plain', '']
    response.writeHead(FILES[request.url] ? 200 : 404, { 'content-type': type }).end(body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync']
  })
  console.log(['client', 'MQTT.js in Chromium', `${require('mqtt/package.json').version}, ${browser.version()}`].join('\t'))
  // For wss: Chromium does not know the authority of the test.
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  const url = `${TRANSPORT}://${HOST}:${PORT}/mqtt`
  for (const version of VERSIONS.split(' ')) {
    const results = await page.evaluate(
      ([url, version, prefix]) => window.scenarios.run(window.mqtt, url, version, prefix), [url, version, PREFIX])
    for (const [capability, error] of results) {
      console.log([version, capability, error ? 'fail' : 'pass', error ?? ''].join('\t'))
    }
  }
  const shown = String(await page.evaluate(tutorial, [url, `${PREFIX}/temperature`]))
  const expected = String([' 21 true', '/alive yes true', ' 22 false', '/alive no false'])
  console.log(['3.1.1', 'tutorial', shown === expected ? 'pass' : 'fail', shown].join('\t'))
  await browser.close()
  server.close()
}

main().then(() => process.exit(0))
