// A display: shows the temperature whenever it changes.
const mqtt = require('mqtt')

const client = mqtt.connect(process.env.MQTT_URL || 'mqtt://localhost:1883')

client.on('connect', () => {
  client.subscribe('temperature', { qos: 1 }, () => console.log('subscribed'))
})

client.on('message', (topic, payload) => {
  console.log(topic, payload.toString())
})
