//! Who may come in and do what, as mosca and aedes call it: `authenticate`, `authorizePublish`,
//! `authorizeSubscribe`, `authorizeForward`. Run it with `cargo run --example authorize --
//! [PORT]`, then `mosquitto_pub -p PORT -u alice -P secret -t users/alice/x -m hello`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use broker::topic::{TopicFilter, TopicName};
use broker::{Access, Broker, Credentials, EventKinds, Identity, Principal, QoS, Refusal};

/// Alice and Bob have their own topics; all read `public`, and nobody hears of another's `secret`.
struct Users;

/// Whether a topic, or all that a filter matches, is the Client's own.
fn is_own(client: &Identity, topic: &str) -> bool {
    let below = topic.strip_prefix("users/");
    let (user, name) =
        (client.principal.user_name.as_deref(), below.and_then(|t| t.split('/').next()));
    user.is_some() && user == name
}

impl Access for Users {
    /// `authenticate(client, username, password, callback)`.
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        match (credentials.user_name, credentials.password) {
            (Some(name @ ("alice" | "bob")), Some(b"secret")) => {
                Ok(Principal { user_name: Some(name.into()), ..Principal::default() })
            }
            _ => Err(Refusal::BadUserNameOrPassword),
        }
    }

    /// `authorizePublish(client, packet, callback)`.
    fn may_publish(&self, client: &Identity, topic: TopicName<'_>, _: QoS, _: bool) -> bool {
        is_own(client, topic.as_str())
    }

    /// `authorizeSubscribe(client, subscription, callback)`.
    fn may_subscribe(&self, client: &Identity, filter: TopicFilter<'_>, _: QoS) -> bool {
        filter.as_str() == "#" || filter.as_str() == "public" || is_own(client, filter.as_str())
    }

    /// `authorizeForward(client, packet)`: what `#` brings is held against this.
    fn may_receive(&self, client: &Identity, topic: TopicName<'_>) -> bool {
        !topic.as_str().ends_with("/secret") || is_own(client, topic.as_str())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(1883), |port| port.parse())?;
    let server = Broker::builder()
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .access(Users)
        .event_kinds(EventKinds::ALL)
        .on_event(|_, event| println!("{event:?}"))
        .start()?;
    server.publisher().publish("public", "anybody hears this")?;
    loop {
        std::thread::park();
    }
}
