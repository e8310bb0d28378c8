//! How bytes come and go.

pub(crate) mod tcp;
