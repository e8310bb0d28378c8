//! What a run leaves behind: the schema and the writers of its files.

mod schema;

pub use schema::{
    Config, Counts, Cpu, Delivery, Latency, Machine, Memory, Percentiles, SCHEMA, Summary,
};
