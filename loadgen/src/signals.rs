//! SIGINT and SIGTERM: the first ends the run and keeps what was measured, the second kills.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Exit status of a run that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// Leaders of the process groups that a second signal takes along.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process group that was started here. While this lives, a second signal kills the group before it ends
/// this process: what Ctrl-C twice leaves behind would hold its port.
#[derive(Debug)]
pub(crate) struct Group(Pid);

impl Group {
    /// That of a child which leads one; `None` for what is no identifier of a process.
    pub(crate) fn led_by(child: u32) -> Option<Self> {
        let leader = Pid::from_raw(child.cast_signed())?;
        groups().push(leader);
        Some(Self(leader))
    }

    /// Tells all of them.
    pub(crate) fn signal(&self, signal: Signal) {
        let _is_gone = kill_process_group(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        groups().retain(|leader| *leader != self.0);
    }
}

/// Turns true with the first signal. The thread that listens lives as long as the process.
pub fn interrupt() -> io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupts, mut terminations) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new().name("kelvin-signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                if sender.send_replace(true) {
                    for leader in groups().iter() {
                        let _is_gone = kill_process_group(*leader, Signal::KILL);
                    }
                    #[expect(
                        clippy::exit,
                        reason = "the user asked twice; nothing may be in the way"
                    )]
                    std::process::exit(i32::from(INTERRUPTED));
                }
            }
        });
    })?;
    Ok(receiver)
}
