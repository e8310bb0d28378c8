//! One connection of either client of rumqttc, behind one trait, with every wait under a deadline.

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rumqttc::{TlsConfiguration, Transport};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A PUBLISH as it arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub payload: String,
    pub qos: u8,
    pub retain: bool,
}

/// What a client's event loop saw come in.
pub enum Incoming {
    Connected {
        session_present: bool,
    },
    Subscribed,
    /// PUBACK or PUBCOMP.
    Acknowledged,
    Published(Message),
    /// The loop has ended, with what it said.
    Closed(String),
}

/// Where the broker is.
pub struct Settings {
    pub prefix: String,
    transport: String,
    host: String,
    port: u16,
    socket: String,
    authority: Vec<u8>,
}

impl Settings {
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            prefix: env::var("PREFIX")?,
            transport: env::var("TRANSPORT")?,
            host: env::var("HOST")?,
            port: env::var("PORT")?.parse()?,
            socket: env::var("SOCKET")?,
            authority: fs::read(env::var("AUTHORITY")?)?,
        })
    }

    /// The end of the prefix, which nobody else has.
    pub fn name(&self) -> &str {
        &self.prefix[self.prefix.len() - 8..]
    }

    fn address(&self) -> String {
        match self.transport.as_str() {
            "unix" => self.socket.clone(),
            "ws" | "wss" => format!("{}://{}:{}/mqtt", self.transport, self.host, self.port),
            _ => self.host.clone(),
        }
    }

    fn transport(&self) -> Transport {
        let tls = || TlsConfiguration::Simple {
            ca: self.authority.clone(),
            alpn: None,
            client_auth: None,
        };
        match self.transport.as_str() {
            "unix" => Transport::Unix,
            "tls" => Transport::tls_with_config(tls()),
            "ws" => Transport::Ws,
            "wss" => Transport::wss_with_config(tls()),
            _ => Transport::Tcp,
        }
    }

    fn identifier(&self, given: Option<String>) -> String {
        given.unwrap_or_else(|| format!("{}-{}", self.name(), NUMBER.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Receives what comes in until a deadline; on drop, the event loop ends and its socket closes.
pub struct Inbox {
    events: UnboundedReceiver<Incoming>,
    messages: VecDeque<Message>,
    event_loop: AbortHandle,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.event_loop.abort();
    }
}

impl Inbox {
    async fn next(&mut self) -> Result<Incoming, Box<dyn Error>> {
        match timeout(DEADLINE, self.events.recv()).await {
            Err(_) => Err(format!("nothing came for {} s", DEADLINE.as_secs()).into()),
            Ok(None) => Err("the event loop has ended".into()),
            Ok(Some(event)) => Ok(event),
        }
    }

    /// The first event that `wanted` makes something of; messages that come before it are kept.
    async fn wait<T>(&mut self, wanted: impl Fn(&Incoming) -> Option<T>) -> Result<T, Box<dyn Error>> {
        loop {
            let event = self.next().await?;
            match (wanted(&event), event) {
                (Some(found), _) => return Ok(found),
                (None, Incoming::Published(message)) => self.messages.push_back(message),
                (None, Incoming::Closed(why)) => return Err(why.into()),
                (None, _) => {}
            }
        }
    }

    async fn message(&mut self) -> Result<Message, Box<dyn Error>> {
        while self.messages.is_empty() {
            match self.next().await? {
                Incoming::Published(message) => self.messages.push_back(message),
                Incoming::Closed(why) => return Err(why.into()),
                _ => {}
            }
        }
        self.messages.pop_front().ok_or_else(|| "no message".into())
    }
}

/// A client that is connected.
pub trait Connection: Sized {
    /// Connects, with a Will Message on `will` if there is one; returns Session Present too.
    async fn open(
        settings: &Settings,
        identifier: Option<String>,
        clean: bool,
        will: Option<&str>,
    ) -> Result<(Self, bool), Box<dyn Error>>;
    /// Returns with the SUBACK.
    async fn subscribe(&mut self, filter: &str, qos: u8) -> Result<(), Box<dyn Error>>;
    /// Returns with PUBACK or PUBCOMP.
    async fn publish(&mut self, topic: &str, payload: &str, qos: u8, retain: bool) -> Result<(), Box<dyn Error>>;
    /// The next message, in the order of arrival.
    async fn message(&mut self) -> Result<Message, Box<dyn Error>>;
    /// DISCONNECT; returns when the Network Connection is closed.
    async fn disconnect(self) -> Result<(), Box<dyn Error>>;
}

/// Both clients have the same names for different types.
macro_rules! client {
    ($module:ident, $client:path, $options:path, $event:path, $packet:path, $qos:path, $configure:expr) => {
        pub mod $module {
            use std::error::Error;

            use tokio::sync::mpsc::unbounded_channel;
            use $client as AsyncClient;
            use $event as Event;
            use $options as MqttOptions;
            use $packet as Packet;
            use $qos as QoS;

            use super::{Connection, DEADLINE, Inbox, Incoming, Message, Settings};

            pub struct Client {
                client: AsyncClient,
                inbox: Inbox,
            }

            fn quality(qos: u8) -> QoS {
                [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)]
            }

            fn incoming(packet: Packet) -> Option<Incoming> {
                match packet {
                    Packet::ConnAck(connack) => Some(Incoming::Connected {
                        session_present: connack.session_present,
                    }),
                    Packet::SubAck(_) => Some(Incoming::Subscribed),
                    Packet::PubAck(_) | Packet::PubComp(_) => Some(Incoming::Acknowledged),
                    Packet::Publish(publish) => Some(Incoming::Published(Message {
                        payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                        qos: publish.qos as u8,
                        retain: publish.retain,
                    })),
                    _ => None,
                }
            }

            impl Connection for Client {
                async fn open(
                    settings: &Settings,
                    identifier: Option<String>,
                    clean: bool,
                    will: Option<&str>,
                ) -> Result<(Self, bool), Box<dyn Error>> {
                    let mut options =
                        MqttOptions::new(settings.identifier(identifier), settings.address(), settings.port);
                    options.set_transport(settings.transport());
                    ($configure)(&mut options, clean, will);
                    let (client, mut event_loop) = AsyncClient::new(options, 64);
                    let (sender, events) = unbounded_channel();
                    let task = tokio::spawn(async move {
                        loop {
                            let event = match event_loop.poll().await {
                                Ok(Event::Incoming(packet)) => incoming(packet),
                                Ok(Event::Outgoing(_)) => None,
                                Err(error) => {
                                    let _ = sender.send(Incoming::Closed(error.to_string()));
                                    return;
                                }
                            };
                            if event.is_some_and(|event| sender.send(event).is_err()) {
                                return;
                            }
                        }
                    });
                    let mut inbox = Inbox {
                        events,
                        messages: Default::default(),
                        event_loop: task.abort_handle(),
                    };
                    let present = inbox
                        .wait(|event| match event {
                            Incoming::Connected { session_present } => Some(*session_present),
                            _ => None,
                        })
                        .await?;
                    Ok((Self { client, inbox }, present))
                }

                async fn subscribe(&mut self, filter: &str, qos: u8) -> Result<(), Box<dyn Error>> {
                    self.client.subscribe(filter, quality(qos)).await?;
                    self.inbox
                        .wait(|event| matches!(event, Incoming::Subscribed).then_some(()))
                        .await
                }

                async fn publish(
                    &mut self,
                    topic: &str,
                    payload: &str,
                    qos: u8,
                    retain: bool,
                ) -> Result<(), Box<dyn Error>> {
                    self.client
                        .publish(topic, quality(qos), retain, payload.to_owned())
                        .await?;
                    if qos > 0 {
                        self.inbox
                            .wait(|event| matches!(event, Incoming::Acknowledged).then_some(()))
                            .await?;
                    }
                    Ok(())
                }

                async fn message(&mut self) -> Result<Message, Box<dyn Error>> {
                    self.inbox.message().await
                }

                async fn disconnect(mut self) -> Result<(), Box<dyn Error>> {
                    self.client.disconnect().await?;
                    tokio::time::timeout(
                        DEADLINE,
                        self.inbox
                            .wait(|event| matches!(event, Incoming::Closed(_)).then_some(())),
                    )
                    .await?
                }
            }
        }
    };
}

client!(
    v4,
    rumqttc::AsyncClient,
    rumqttc::MqttOptions,
    rumqttc::Event,
    rumqttc::Packet,
    rumqttc::QoS,
    super::configure_v4
);
client!(
    v5,
    rumqttc::v5::AsyncClient,
    rumqttc::v5::MqttOptions,
    rumqttc::v5::Event,
    rumqttc::v5::mqttbytes::v5::Packet,
    rumqttc::v5::mqttbytes::QoS,
    super::configure_v5
);

fn configure_v4(options: &mut rumqttc::MqttOptions, clean: bool, will: Option<&str>) {
    options.set_clean_session(clean);
    if let Some(topic) = will {
        options.set_last_will(rumqttc::LastWill::new(topic, "gone", rumqttc::QoS::AtLeastOnce, false));
    }
}

fn configure_v5(options: &mut rumqttc::v5::MqttOptions, clean: bool, will: Option<&str>) {
    use rumqttc::v5::mqttbytes::{QoS, v5::LastWill};
    options.set_clean_start(clean);
    options.set_session_expiry_interval((!clean).then_some(300));
    if let Some(topic) = will {
        options.set_last_will(LastWill::new(topic, "gone", QoS::AtLeastOnce, false, None));
    }
}
