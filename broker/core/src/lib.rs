//! The broker as a deterministic machine.
