//! The steps of enhanced authentications, taken away from the network thread.

use std::rc::Rc;

use broker_core::{AuthenticationAnswer, AuthenticationStep};
use tokio::task::{spawn_blocking, spawn_local};

use super::Driver;

impl Driver {
    /// Begins all steps that are to be taken.
    pub(super) fn begin_steps(self: &Rc<Self>) {
        loop {
            let Some(step) = self.core.borrow_mut().poll_authentication() else { return };
            spawn_local(Rc::clone(self).take_step(step));
        }
    }

    async fn take_step(self: Rc<Self>, step: AuthenticationStep) {
        let key = step.key();
        let turn = match self.shared.access() {
            Some(access) => access.turn().await,
            None => None,
        };
        // Its Client may have gone while others had their turn.
        if !self.core.borrow().is_open(key) {
            return;
        }
        let taken = spawn_blocking(move || {
            let answer = step.take();
            drop(turn);
            answer
        });
        let answer = taken.await.unwrap_or_else(|error| {
            tracing::error!("a step of an authentication could not be taken: {error}");
            AuthenticationAnswer::unavailable(key)
        });
        self.core.borrow_mut().handle_authentication(self.now(), answer);
        self.wake_flusher();
    }
}
