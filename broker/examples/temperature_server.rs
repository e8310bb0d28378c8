//! The server of the temperature pattern: it says who comes and what is published, and publishes
//! itself. Run it with `cargo run --example temperature_server -- [PORT]`, then `publish` and
//! `subscribe` beside it, or any MQTT client.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use broker::{Broker, Event};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(1883), |port| port.parse())?;

    let server = Broker::builder()
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .on_event(|server, event| match event {
            Event::Ready { addresses } => println!("ready on {addresses:?}"),
            Event::ClientConnected { client } => {
                println!("client connected {}", client.identifier);
            }
            Event::ClientDisconnected { client, cause } => {
                println!("client disconnected {}: {cause}", client.identifier);
            }
            // What the server publishes has no client: it would answer itself for ever.
            Event::Published { publication, client: Some(client) } => {
                let payload = String::from_utf8_lossy(publication.payload);
                println!("published {} {payload} by {}", publication.topic, client.identifier);
                if let Err(error) = server.publish("other", format!("seen {payload}")) {
                    println!("{error}");
                }
            }
            _ => {}
        })
        .start()?;

    server.publisher().publish("other", "the server is up")?;
    loop {
        std::thread::park();
    }
}
