//! The load generator: thousands of MQTT clients in open loop, and what every message went through.
//!
//! Each module imports only those above it:
//!
//! ```text
//! mqtt       Control Packets; the one module that names mqttbytes
//! payload    the temperature and the stamp in every message
//! transport  TCP, TLS, WebSocket, Unix sockets
//! secrets    the command line without what nobody else may read
//! cli        what was typed
//! scenario   what to do: resolved, completed, checked
//! plan       who does what, when: pure, the same whenever the scenario is
//! client     one client as a state machine, without socket and clock
//! recorder   histograms, counts, and the ledger of every publisher-subscriber pair
//! worker     one thread and thousands of clients
//! system     descriptors, CPU time, memory
//! preflight  the plan in numbers, and whether it can work
//! verdict    from evidence to what the run is worth: pure
//! output     progress, summary, files
//! run        the phases: connect, subscribe, warm-up, measure, drain, disconnect
//! trial      a run as a process of its own, and the broker that it may need
//! compare    one load against several brokers in turn
//! search     the highest rate at which a condition holds
//! duet       two brokers at the same time on one core: which needs more CPU time
//! calibrate  runs against a sink, to know what the generator can do
//! ```

pub mod calibrate;
pub mod cli;
mod client;
mod clock;
pub mod compare;
pub mod duet;
mod mqtt;
mod output;
mod payload;
mod plan;
mod preflight;
mod rate;
mod recorder;
pub mod run;
pub mod scenario;
pub mod search;
pub mod secrets;
pub mod signals;
mod system;
mod transport;
pub mod trial;
mod units;
mod verdict;
mod worker;
