//! rumqttc: the matrix' scenarios over one transport, at 3.1.1 with its `v4` client and at 5.0 with its `v5` one.
//! `harness/matrix.py` says what comes in and goes out.

mod client;

use std::env;
use std::error::Error;
use std::fmt::Debug;

use client::{Connection, Message, Settings, v4, v5};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let settings = Settings::from_environment()?;
    println!("client\trumqttc\t0.25.1");
    for version in env::var("VERSIONS")?.split_whitespace() {
        if version == "5" {
            all::<v5::Client>(&settings, version).await
        } else {
            all::<v4::Client>(&settings, version).await
        }
    }
    Ok(())
}

async fn all<C: Connection>(settings: &Settings, version: &str) {
    let at = |capability: &str| At {
        settings,
        topic: format!("{}/{version}/{capability}", settings.prefix),
    };
    for qos in 0..3 {
        let capability = format!("qos{qos}");
        print(version, &capability, quality::<C>(&at(&capability), qos).await);
    }
    print(version, "retained", retained::<C>(&at("retained")).await);
    print(version, "will", will::<C>(&at("will")).await);
    print(version, "session", session::<C>(&at("session")).await);
    print(version, "shared", shared::<C>(&at("shared")).await);
}

fn print(version: &str, capability: &str, outcome: Outcome) {
    match outcome {
        Ok(()) => println!("{version}\t{capability}\tpass\t"),
        Err(error) => println!("{version}\t{capability}\tfail\t{error}"),
    }
}

/// A scenario's topic, and where the broker is.
struct At<'a> {
    settings: &'a Settings,
    topic: String,
}

impl At<'_> {
    async fn open<C: Connection>(&self) -> Result<C, Box<dyn Error>> {
        Ok(C::open(self.settings, None, true, None).await?.0)
    }
}

fn same<T: PartialEq + Debug>(found: T, expected: T) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found:?}, expected {expected:?}").into())
    }
}

fn message(payload: impl ToString, qos: u8, retain: bool) -> Message {
    Message {
        payload: payload.to_string(),
        qos,
        retain,
    }
}

async fn quality<C: Connection>(at: &At<'_>, qos: u8) -> Outcome {
    let (mut subscriber, mut publisher): (C, C) = (at.open().await?, at.open().await?);
    subscriber.subscribe(&at.topic, qos).await?;
    for number in 0..10 {
        publisher.publish(&at.topic, &number.to_string(), qos, false).await?;
    }
    for number in 0..10 {
        same(subscriber.message().await?, message(number, qos, false))?;
    }
    Ok(())
}

async fn retained<C: Connection>(at: &At<'_>) -> Outcome {
    let mut publisher: C = at.open().await?;
    publisher.publish(&at.topic, "old", 1, true).await?;
    let mut late: C = at.open().await?;
    late.subscribe(&at.topic, 1).await?;
    same(late.message().await?, message("old", 1, true))?;
    publisher.publish(&at.topic, "", 1, true).await?;
    let mut later: C = at.open().await?;
    later.subscribe(&at.topic, 1).await?;
    publisher.publish(&at.topic, "new", 1, false).await?;
    same(later.message().await?, message("new", 1, false))
}

async fn will<C: Connection>(at: &At<'_>) -> Outcome {
    let mut watcher: C = at.open().await?;
    watcher.subscribe(&at.topic, 1).await?;
    let (victim, _) = C::open(at.settings, None, true, Some(&at.topic)).await?;
    // Its socket closes without DISCONNECT.
    drop(victim);
    same(watcher.message().await?, message("gone", 1, false))
}

async fn session<C: Connection>(at: &At<'_>) -> Outcome {
    let identifier = Some(format!("{}-kept-{}", at.settings.name(), at.topic.len()));
    let (mut first, present) = C::open(at.settings, identifier.clone(), false, None).await?;
    same(present, false)?;
    first.subscribe(&at.topic, 1).await?;
    first.disconnect().await?;
    let mut publisher: C = at.open().await?;
    for number in 0..3 {
        publisher.publish(&at.topic, &number.to_string(), 1, false).await?;
    }
    let (mut second, present) = C::open(at.settings, identifier.clone(), false, None).await?;
    same(present, true)?;
    for number in 0..3 {
        same(second.message().await?, message(number, 1, false))?;
    }
    second.disconnect().await?;
    let (last, present) = C::open(at.settings, identifier, true, None).await?;
    same(present, false)?;
    last.disconnect().await
}

async fn shared<C: Connection>(at: &At<'_>) -> Outcome {
    let mut members: [C; 2] = [at.open().await?, at.open().await?];
    for member in &mut members {
        member.subscribe(&format!("$share/group/{}", at.topic), 1).await?;
    }
    let mut publisher: C = at.open().await?;
    for number in 0..20 {
        publisher.publish(&at.topic, &number.to_string(), 1, false).await?;
    }
    let mut numbers = Vec::new();
    for member in &mut members {
        for _ in 0..10 {
            numbers.push(member.message().await?.payload.parse::<u32>()?);
        }
    }
    numbers.sort_unstable();
    same(numbers, (0..20).collect())
}
