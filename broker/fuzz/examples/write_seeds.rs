//! Writes the packets of the codec's tests as the corpus to start `control_packet` from, and a few
//! pairs of Topic Filter and Topic Name for `topic_filter`.

use std::path::Path;
use std::{fs, io};

use broker_core::{codec, topic};

#[path = "../../core/src/codec/tests/packets.rs"]
mod packets;

#[path = "../../core/src/codec/tests/packets_v5.rs"]
mod packets_v5;

const TOPICS: &[&str] = &[
    "sport/tennis/#\nsport/tennis/player1",
    "sport/#\nsport",
    "+/tennis/+\nsport/tennis/player1",
    "+/+\n/finance",
    "#\n$SYS/a",
    "$SYS/+/Clients\n$SYS/monitor/Clients",
    "a//b\na//b",
    "a/#/b\na+b",
    "é/+\né/𝄞",
];

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let packets: Vec<_> = packets::all()
        .chain(packets_v5::all())
        .inspect(|example| println!("{}: {:?}", example.name, example.outcome))
        .map(|example| example.bytes)
        .collect();
    let topics: Vec<_> = TOPICS.iter().map(|text| text.as_bytes()).collect();
    for (target, seeds) in [("control_packet", packets), ("topic_filter", topics)] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
        println!("{} seeds in {}", seeds.len(), folder.display());
    }
    Ok(())
}
