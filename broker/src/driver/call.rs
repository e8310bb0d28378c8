//! Asking for the shard's next turn from the tasks of its thread.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Poll, Waker};

/// Whether there is something to write, and who waits for that.
#[derive(Default)]
pub(super) struct Call {
    is_due: Cell<bool>,
    waiter: Cell<Option<Waker>>,
}

impl Call {
    /// Asks for a turn.
    pub(super) fn call(&self) {
        self.is_due.set(true);
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    /// Whether a turn was asked for since the last [`answer`](Self::answer).
    pub(super) fn is_due(&self) -> bool {
        self.is_due.get()
    }

    /// Begins what was asked for.
    pub(super) fn answer(&self) {
        self.is_due.set(false);
    }

    /// Waits until a turn is asked for. One can wait at a time.
    pub(super) fn poll_due(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_due() {
            return Poll::Ready(());
        }
        self.waiter.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("is_due", &self.is_due).finish_non_exhaustive()
    }
}
