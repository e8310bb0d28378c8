//! Files as they are written, and what is made of them.

mod acl;
mod passwords;
