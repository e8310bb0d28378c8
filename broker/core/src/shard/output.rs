//! What waits to be written to one connection.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::payload::Payload;

/// Payloads from this size on are shared instead of copied into every output.
///
/// A copy costs its bytes, a shared payload a reference count now and a segment of the vectored
/// write later; `benches/payload_sharing.rs` shows where they cross.
pub const SHARED_PAYLOAD_MIN: usize = 2048;

/// Written bytes that an output may drag along before it moves the rest to the front.
const WRITTEN_MAX: usize = 64 << 10;

const CACHE_LINE: usize = 64;

/// Bytes in the order of sending: small packets copied, large payloads shared between outputs.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// `None` until there is the first: most connections never have one. Kept then, so that the next
    /// one allocates nothing.
    shared: Option<Box<SharedPayloads>>,
}

#[derive(Debug, Default)]
struct SharedPayloads {
    /// In the order of their positions.
    payloads: VecDeque<Shared>,
    /// What is not written of them.
    pending: usize,
}

/// A payload that goes out before `bytes[position]`.
#[derive(Debug)]
struct Shared {
    position: usize,
    payload: Payload,
    written: usize,
}

impl Output {
    /// Bytes that wait.
    #[inline]
    pub fn pending(&self) -> usize {
        let shared = self.shared.as_ref().map_or(0, |shared| shared.pending);
        self.bytes.len() - self.written + shared
    }

    /// All that waits, if it lies in one piece: no large payload is part of it.
    pub fn as_slice(&self) -> Option<&[u8]> {
        self.is_in_one_piece().then(|| &self.bytes[self.written..])
    }

    #[inline]
    fn is_in_one_piece(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.payloads.is_empty())
    }

    /// Fills `slices` from the front with what waits; returns how many it took.
    #[inline]
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(bytes) = self.as_slice() else { return self.slices_apart(slices) };
        match slices.first_mut().filter(|_| !bytes.is_empty()) {
            Some(free) => *free = IoSlice::new(bytes),
            None => return 0,
        }
        1
    }

    #[inline(never)]
    fn slices_apart<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut position = self.written;
        let mut count = 0;
        let mut put = |slice: &'a [u8]| {
            if let (false, Some(free)) = (slice.is_empty(), slices.get_mut(count)) {
                *free = IoSlice::new(slice);
                count += 1;
            }
        };
        for shared in self.shared.iter().flat_map(|shared| &shared.payloads) {
            put(&self.bytes[position..shared.position]);
            put(&shared.payload[shared.written..]);
            position = shared.position;
        }
        put(&self.bytes[position..]);
        count
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.grow(bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// By a quarter, and not to the double: what thousands of outputs have to spare are pages between
    /// them, of which a processor knows the places of some 1,500.
    #[inline(never)]
    fn grow(&mut self, count: usize) {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        let wanted = (length + count).max(capacity + capacity / 4);
        self.bytes.reserve_exact(wanted.next_multiple_of(CACHE_LINE) - length);
    }

    #[inline(never)]
    pub(super) fn append_shared(&mut self, payload: &Payload) {
        let shared = self.shared.get_or_insert_default();
        shared.pending += payload.len();
        let (position, payload) = (self.bytes.len(), payload.clone());
        shared.payloads.push_back(Shared { position, payload, written: 0 });
    }

    /// Forgets `count` bytes from the front: they are written. Whether these were all.
    pub(super) fn advance(&mut self, count: usize) -> bool {
        let is_empty = if self.is_in_one_piece() {
            self.written += count.min(self.bytes.len() - self.written);
            self.written == self.bytes.len()
        } else {
            self.advance_apart(count);
            self.pending() == 0
        };
        if is_empty {
            self.bytes.clear();
            self.written = 0;
        } else if self.written > WRITTEN_MAX {
            self.move_to_front();
        }
        is_empty
    }

    #[inline(never)]
    fn advance_apart(&mut self, mut count: usize) {
        while count > 0 {
            let mut shared = self.shared.as_mut();
            let first = shared.as_mut().and_then(|shared| shared.payloads.front_mut());
            let end = first.as_ref().map_or(self.bytes.len(), |first| first.position);
            let step = count.min(end - self.written);
            self.written += step;
            count -= step;
            let Some(first) = first.filter(|_| count > 0) else { break };
            let step = count.min(first.payload.len() - first.written);
            first.written += step;
            count -= step;
            let is_written = first.written == first.payload.len();
            if let Some(shared) = &mut self.shared {
                shared.pending -= step;
                if is_written {
                    shared.payloads.pop_front();
                }
            }
        }
    }

    fn move_to_front(&mut self) {
        self.bytes.drain(..self.written);
        for shared in self.shared.iter_mut().flat_map(|shared| &mut shared.payloads) {
            shared.position -= self.written;
        }
        self.written = 0;
    }

    /// Lends a buffer for the time that something waits, when there is none yet.
    pub(super) fn lend(&mut self, pool: &mut BufferPool) {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
    }

    /// Gives the buffer back: nothing waits.
    pub(super) fn give_back(&mut self, pool: &mut BufferPool) {
        pool.put(std::mem::take(&mut self.bytes));
    }
}

/// Buffers that no connection needs now: an idle connection owns none.
#[derive(Debug, Default)]
pub(super) struct BufferPool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    /// Bytes of all buffers that are kept.
    const BYTES_MAX: usize = 64 << 20;
    /// Capacity of a new buffer.
    const BUFFER_BYTES_MIN: usize = 128;
    /// Capacity above which a buffer is not kept.
    const BUFFER_BYTES_MAX: usize = 64 << 10;

    fn take(&mut self) -> Vec<u8> {
        match self.buffers.pop() {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(Self::BUFFER_BYTES_MIN),
        }
    }

    fn put(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        let fits = (1..=Self::BUFFER_BYTES_MAX).contains(&capacity);
        if fits && self.bytes + capacity <= Self::BYTES_MAX {
            self.bytes += capacity;
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}
