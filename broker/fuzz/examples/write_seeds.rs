//! Writes the seeds of the fuzz targets, one file each, into their corpora.

use std::path::Path;
use std::{fs, io};

use broker_core::{codec, topic};

#[path = "../../core/src/codec/tests/packets.rs"]
mod packets;
#[path = "../../core/src/codec/tests/packets_v5.rs"]
mod packets_v5;
#[path = "../../core/tests/hostile/seeds.rs"]
mod seeds;

fn main() -> io::Result<()> {
    let packets: Vec<_> = seeds::packets()
        .inspect(|example| println!("{}: {:?}", example.name, example.outcome))
        .map(|example| example.bytes)
        .collect();
    let topics: Vec<_> = seeds::TOPICS.iter().map(|text| text.as_bytes()).collect();
    let connections = seeds::connections();
    let connections: Vec<_> = connections.iter().map(Vec::as_slice).collect();
    write("connection", &connections)?;
    write("control_packet_v3", &packets)?;
    write("control_packet_v5", &packets)?;
    write("topic_filter", &topics)
}

fn write(target: &str, seeds: &[&[u8]]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:03}")), seed)?;
    }
    println!("{} seeds in {}", seeds.len(), folder.display());
    Ok(())
}
