//! What publishers wait for in a closed loop: windows that open as deliveries arrive.

use super::{Arrival, Recorder};
use crate::client::Windows;
use crate::payload::Stamp;

/// What one client publishes by one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowPlace {
    /// Place of the client among those of its worker.
    pub client: usize,
    /// Which of its flows.
    pub flow: usize,
}

impl Recorder {
    /// Opens these windows as deliveries arrive.
    pub(crate) fn close_loop(&mut self, windows: Windows<FlowPlace>) {
        self.windows = Some(windows);
    }

    /// What publishers wait for in a closed loop.
    pub(crate) fn windows(&mut self) -> Option<&mut Windows<FlowPlace>> {
        self.windows.as_mut()
    }

    /// Tells the window of a stream what is on its way no more. What came late was counted when it was
    /// passed over.
    #[inline]
    pub(super) fn open_window(&mut self, stamp: &Stamp, arrival: Option<Arrival>) {
        let settled = match arrival {
            Some(Arrival::InOrder) => 1,
            Some(Arrival::Ahead(skipped)) => skipped.saturating_add(1),
            Some(Arrival::Late | Arrival::Duplicate | Arrival::Ambiguous) | None => return,
        };
        if let Some(windows) = &mut self.windows {
            windows.arrived(stamp.publisher, settled);
        }
    }
}
