//! The display of the temperature pattern: subscribes at QoS 1 and prints what arrives. Run it
//! with `cargo run --example subscribe -- [PORT]`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::error::Error;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(1883), |port| port.parse())?;
    let (client, mut connection) = Client::new(MqttOptions::new("display", "127.0.0.1", port), 10);
    client.subscribe("temperature", QoS::AtLeastOnce)?;

    for event in connection.iter() {
        if let Event::Incoming(Packet::Publish(message)) = event? {
            let temperature = String::from_utf8_lossy(&message.payload);
            println!("{} {temperature}", message.topic);
        }
    }
    Ok(())
}
