//! An allocator that counts what each thread asks of it. Tests and fuzz targets include this file.

#![expect(unsafe_code, reason = "a global allocator can be written in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was asked of the allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocations {
    /// How often.
    pub(crate) count: u64,
    /// Bytes of all of them together, whether they were given back or not.
    pub(crate) bytes: usize,
    /// Bytes of the largest.
    pub(crate) largest: usize,
}

impl Allocations {
    const NONE: Self = Self { count: 0, bytes: 0, largest: 0 };

    const fn with(self, bytes: usize) -> Self {
        let largest = if bytes > self.largest { bytes } else { self.largest };
        Self { count: self.count + 1, bytes: self.bytes.saturating_add(bytes), largest }
    }
}

thread_local! {
    /// Of this thread, so that tests beside this one do not count.
    static ALLOCATIONS: Cell<Allocations> = const { Cell::new(Allocations::NONE) };
}

/// The system's allocator, counting.
struct Counting;

fn count(bytes: usize) {
    // Fails only while the thread ends, when nothing is measured any more.
    let _ended = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get().with(bytes)));
}

// SAFETY: every method does what `System` does; counting touches a thread-local cell that neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What this thread asks of the allocator while `work` runs.
pub(crate) fn during<T>(work: impl FnOnce() -> T) -> (Allocations, T) {
    ALLOCATIONS.set(Allocations::NONE);
    let result = work();
    (so_far(), result)
}

/// What this thread has asked of the allocator since it began, or since the last [`during`].
pub(crate) fn so_far() -> Allocations {
    ALLOCATIONS.get()
}
