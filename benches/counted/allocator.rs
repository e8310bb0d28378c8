//! An allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static ALLOCATED_BYTES: AtomicUsize = AtomicUsize::new(0);
static FREED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// What has been asked of the allocator since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Allocations, those that moved to grow or shrink included.
    pub(crate) allocations: usize,
    /// Bytes that were asked for.
    pub(crate) allocated_bytes: usize,
    /// Bytes that were asked for and not given back. Wraps: only differences mean something.
    pub(crate) held_bytes: i64,
}

/// What has been counted so far.
pub(crate) fn counts() -> Counts {
    let (allocated, freed) = (ALLOCATED_BYTES.load(Relaxed), FREED_BYTES.load(Relaxed));
    Counts {
        allocations: ALLOCATIONS.load(Relaxed),
        allocated_bytes: allocated,
        held_bytes: allocated.wrapping_sub(freed).cast_signed() as i64,
    }
}

/// The system's allocator, counted.
pub(crate) struct Counting;

fn count(size: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    ALLOCATED_BYTES.fetch_add(size, Relaxed);
}

#[expect(unsafe_code, reason = "there is no other way to see every allocation")]
// SAFETY: every call is handed on to `System` with the arguments that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        FREED_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: as above; the block came from `System`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        FREED_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: as above; the block came from `System`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_seen() {
        let before = counts();
        let block = std::hint::black_box(vec![1_u8; 1 << 20]);
        let after = counts();
        drop(block);
        // Other threads of the test allocate too.
        assert!(after.allocations > before.allocations);
        assert!(after.allocated_bytes - before.allocated_bytes >= 1 << 20);
    }
}
