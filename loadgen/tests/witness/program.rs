//! Plays the temperature pattern against a broker and prints what it saw: `witness PORT CLIENTS PERIOD_MS SECONDS TOPIC`. Its
//! publications come midway between those to TOPIC, of somebody who plays as fast.

#![expect(clippy::print_stdout, reason = "it is what it is for")]

mod client;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let topic = words.pop().unwrap_or_default();
    let numbers: Vec<u32> = words.iter().map(|word| word.parse()).collect::<Result<_, _>>()?;
    let [port, clients, period_ms, seconds] = numbers[..] else {
        return Err("witness PORT CLIENTS PERIOD_MS SECONDS TOPIC".into());
    };
    let load = client::Load {
        broker: SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port)?)),
        publishers: clients as usize / 2,
        subscribers: clients as usize / 2,
        period: Duration::from_millis(period_ms.into()),
        warmup: Duration::from_secs(2),
        beside: Some(topic),
        duration: Duration::from_secs(seconds.into()),
    };
    let seen = client::play(&load)?;
    let microseconds =
        |thousandths| seen.quantile(thousandths).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    println!("{} {} {:.1} {:.1}", seen.sent, seen.delivered, microseconds(500), microseconds(990));
    Ok(())
}
