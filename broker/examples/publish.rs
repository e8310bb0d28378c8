//! The sensor of the temperature pattern: every three seconds a temperature from 1 to 40, as text,
//! at QoS 0 and retained. Run it with `cargo run --example publish -- [PORT]`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::error::Error;
use std::time::Duration;

use rumqttc::{Client, MqttOptions, QoS};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(1883), |port| port.parse())?;
    let (client, mut connection) = Client::new(MqttOptions::new("sensor", "127.0.0.1", port), 10);

    std::thread::spawn(move || {
        loop {
            let temperature = fastrand::u8(1..=40).to_string();
            println!("temperature {temperature}");
            if client.publish("temperature", QoS::AtMostOnce, true, temperature).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_secs(3));
        }
    });
    for event in connection.iter() {
        event?;
    }
    Ok(())
}
