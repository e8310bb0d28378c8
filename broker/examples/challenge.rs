//! A server that lets clients in by a challenge instead of a password, MQTT 5.0 section 4.12: the
//! secret that both share never crosses the network. Run it with
//! `cargo run --example challenge -- [PORT]`.
//!
//! Method `HMAC-SHA-256`: the Authentication Data of the CONNECT are the user name; the AUTH of the
//! server has 16 random bytes; the AUTH of the client has their HMAC with the secret as the key.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use argon2::password_hash::try_generate_salt;
use broker::{Access, Authenticator, Broker, Credentials, Event, Principal, Refusal, Step};
use pbkdf2::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

type Secrets = Arc<HashMap<String, Vec<u8>>>;

/// Who may come in.
struct Door(Secrets);

/// The exchange of one client.
struct Challenge {
    secrets: Secrets,
    user_name: String,
    nonce: [u8; 16],
}

impl Access for Door {
    /// Without the method nobody comes in.
    fn authenticate(&self, _: &Credentials<'_>) -> Result<Principal, Refusal> {
        Err(Refusal::NotAuthorized)
    }

    fn authenticator(&self, method: &str, _: &Credentials<'_>) -> Option<Box<dyn Authenticator>> {
        let secrets = Arc::clone(&self.0);
        let challenge = Challenge { secrets, user_name: String::new(), nonce: [0; 16] };
        (method == "HMAC-SHA-256").then(|| Box::new(challenge) as _)
    }
}

impl Authenticator for Challenge {
    /// Also begins a re-authentication, with a new challenge.
    fn start(&mut self, data: Option<&[u8]>) -> Step {
        let Ok(nonce) = try_generate_salt() else {
            return Step::Refuse(Refusal::Unavailable.into());
        };
        self.nonce = nonce;
        self.user_name = String::from_utf8_lossy(data.unwrap_or_default()).into_owned();
        // Whoever does not exist is asked as well: the answer is not to tell who does.
        Step::Continue(nonce.to_vec())
    }

    fn proceed(&mut self, data: Option<&[u8]>) -> Step {
        let secret = self.secrets.get(&self.user_name);
        let key = secret.map(Vec::as_slice).unwrap_or_default();
        // Each answer is for one challenge.
        let nonce = std::mem::take(&mut self.nonce);
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else {
            return Step::Refuse(Refusal::Unavailable.into());
        };
        let is_right = mac.chain_update(nonce).verify_slice(data.unwrap_or_default()).is_ok();
        if is_right && secret.is_some() {
            let user_name = Some(self.user_name.as_str().into());
            let principal = Principal { user_name, ..Principal::default() };
            Step::Success { principal, data: None }
        } else {
            Step::Refuse(Refusal::NotAuthorized.into())
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(1883), |port| port.parse())?;
    let secrets = HashMap::from([("alice".to_owned(), b"open sesame".to_vec())]);

    let _server = Broker::builder()
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .access(Door(Arc::new(secrets)))
        .on_event(|_, event| match event {
            Event::Ready { addresses } => println!("ready on {addresses:?}"),
            Event::ClientConnected { client } => println!("{} is in", client.identifier),
            _ => {}
        })
        .start()?;
    loop {
        std::thread::park();
    }
}
