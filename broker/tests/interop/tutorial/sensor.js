// A sensor: every 3 seconds the temperature of the moment, kept for whoever comes later.
const mqtt = require('mqtt')

const client = mqtt.connect(process.env.MQTT_URL || 'mqtt://localhost:1883')

client.on('connect', () => {
  setInterval(() => {
    const temperature = String(Math.ceil(Math.random() * 40))
    client.publish('temperature', temperature, { qos: 0, retain: true })
    console.log('sent', temperature)
  }, 3000)
})
