//! The limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors beside the connections: standard streams, pollers, timers, listeners, files.
const DESCRIPTORS_BESIDE: u64 = 100;

/// The limit of open files is too low for the clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{clients} clients need {needed} open files{}, but this process may open {allowed}; raise the \
     limit (ulimit -n {needed}), use at most --clients {possible}{}",
    if *.embedded { " with the embedded broker" } else { "" },
    if *.embedded { ", or run a separate broker and name it with --broker" } else { "" }
)]
pub struct LimitError {
    /// Clients that were asked for.
    pub clients: u32,
    /// Whether the broker's sides of the connections are in this process too.
    pub embedded: bool,
    /// Descriptors that they need.
    pub needed: u64,
    /// Descriptors that the hard limit allows.
    pub allowed: u64,
    /// Clients that would fit.
    pub possible: u64,
}

/// Raises the soft limit to the hard one, and checks that the clients fit.
pub(crate) fn raise_open_files(clients: u32, embedded: bool) -> Result<(), LimitError> {
    let limit = getrlimit(Resource::Nofile);
    // No limit reads as `None`.
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => hard,
        Err(_) => limit.current.unwrap_or(u64::MAX),
    };
    check(clients, embedded, allowed)
}

/// Descriptors that this process may open now and that it may ask for.
pub(crate) fn descriptors() -> (u64, u64) {
    let limit = getrlimit(Resource::Nofile);
    (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX))
}

fn check(clients: u32, embedded: bool, allowed: u64) -> Result<(), LimitError> {
    let per_client = if embedded { 2 } else { 1 };
    let needed = u64::from(clients) * per_client + DESCRIPTORS_BESIDE;
    if needed <= allowed {
        return Ok(());
    }
    Err(LimitError {
        clients,
        embedded,
        needed,
        allowed,
        possible: allowed.saturating_sub(DESCRIPTORS_BESIDE) / per_client,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_broker_doubles_what_is_needed() {
        assert_eq!(check(5000, false, 20_000), Ok(()));
        assert_eq!(check(5000, true, 20_000), Ok(()));
        assert_eq!(check(12_000, false, 20_000), Ok(()));
        let error = check(12_000, true, 20_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "12000 clients need 24100 open files with the embedded broker, but this process may \
             open 20000; raise the limit (ulimit -n 24100), use at most --clients 9950, or run a \
             separate broker and name it with --broker"
        );
        let error = check(30_000, false, 20_000).unwrap_err();
        assert!(error.to_string().ends_with("use at most --clients 19900"), "{error}");
    }
}
