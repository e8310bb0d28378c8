//! Parts of a shard against plain ways to the same result.

mod output;
