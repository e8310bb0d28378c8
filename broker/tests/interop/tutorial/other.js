// Shows what the server itself publishes each time that a temperature passes through it.
const mqtt = require('mqtt')

const client = mqtt.connect(process.env.MQTT_URL || 'mqtt://localhost:1883')

client.on('connect', () => {
  client.subscribe('other', () => console.log('subscribed'))
})

client.on('message', (topic, payload) => {
  console.log(topic, payload.toString())
})
