//! An allocator for short lives: a contract's memory is thrown away after each call.
//!
//! It moves a mark upwards and grows the memory when the mark meets its end. Only the newest block can be given
//! back or grow in place, which is what a vector that is being filled needs. A contract that allocates in
//! a long loop comes to the machine's memory limit; let it keep its buffers.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr::null_mut;

const PAGE: usize = 65_536;

struct Bump {
    /// The first free byte; 0 before the first allocation.
    mark: Cell<usize>,
    /// The end of the memory, as far as we have seen it.
    end: Cell<usize>,
}

// A contract has one thread: the machine refuses modules with shared memory.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump {
    mark: Cell::new(0),
    end: Cell::new(0),
};

unsafe extern "C" {
    /// Where the linker's own data ends.
    static __heap_base: u8;
}

impl Bump {
    /// Whether the memory reaches to `end`, if need be after growing.
    fn reach(&self, end: usize) -> bool {
        if end <= self.end.get() {
            return true;
        }
        let missing = end.div_ceil(PAGE).saturating_sub(memory_size(0));
        if missing > 0 && memory_grow(0, missing) == usize::MAX {
            return false;
        }
        // Less than 2^32: the machine's limit is far below that.
        self.end.set(memory_size(0).wrapping_mul(PAGE));
        true
    }
}

// Blocks never overlap: each starts at or after the mark, which then moves behind it; the mark moves back
// only over the newest block, when that is given back.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let free = match self.mark.get() {
            0 => &raw const __heap_base as usize,
            mark => mark,
        };
        // An alignment is a power of two.
        let below = layout.align().wrapping_sub(1);
        let Some(start) = free.checked_add(below).map(|end| end & !below) else {
            return null_mut();
        };
        let Some(end) = start.checked_add(layout.size()) else {
            return null_mut();
        };
        if !self.reach(end) {
            return null_mut();
        }
        self.mark.set(end);
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let start = block as usize;
        if start.wrapping_add(layout.size()) == self.mark.get() {
            self.mark.set(start);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = block as usize;
        let newest = start.wrapping_add(layout.size()) == self.mark.get();
        if newest {
            return match start.checked_add(size) {
                Some(end) if self.reach(end) => {
                    self.mark.set(end);
                    block
                }
                _ => null_mut(),
            };
        }
        if size <= layout.size() {
            return block;
        }
        // The alignment is that of a layout already, and the size is bounded by the check in `alloc`.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            unsafe { core::ptr::copy_nonoverlapping(block, new, layout.size()) };
        }
        new
    }
}
