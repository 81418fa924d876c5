//! The memories of contracts, used again.
//!
//! A memory is 6 GiB of addresses, so that compiled code need not check them: what lies behind its pages cannot be
//! touched. To reserve them, to touch them for the first time and to give them back takes the system ten times as long as
//! all the rest of an empty call. So the reservation is kept, with its first pages cleared by writing zeros, and the next
//! run takes it. A memory is cleared before it is put back, so what is kept is always empty; one that cannot be cleared is
//! given back to the system.

#[cfg(all(test, target_os = "linux"))]
mod hiding;

use std::{
    cell::Cell,
    ptr::NonNull,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wasmer::sys::{BaseTunables, Tunables};
use wasmer_types::{MemoryError, MemoryStyle, MemoryType, Pages, TableStyle, TableType};
use wasmer_vm::{LinearMemory, Mmap, MmapType, VMMemory, VMMemoryDefinition, VMTable, VMTableDefinition};

use crate::nesting;

/// Most reservations that are kept. More runs at once than that, nested ones included, reserve their own.
const MAX_KEPT: usize = 32;
/// Bytes at the start of a memory that are cleared by writing zeros, and stay with the process: 32 pages of the system.
/// Beyond, the system takes the pages back: to be touched again costs more than to write zeros, but not more than to
/// write them to a megabyte that was hardly used.
const CLEARED_BYTES: usize = 128 << 10;

/// Why a run has no outcome.
pub(crate) const REFUSAL: &str = "the system gave a contract less memory than it may have";

thread_local! {
    /// The system refused a memory on this thread to grow, in the run that is innermost.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Runs wasm, and tells besides whether the system refused it memory that it had the right to. wasm itself is told -1 and
/// goes on, which other machines would not do: whatever it comes to then must not count.
pub(crate) fn watched<T>(wasm: impl FnOnce() -> T) -> (T, bool) {
    // The run around this one, whose host function this is, keeps what it was told.
    let around = REFUSED.replace(false);
    let result = wasm();
    (result, REFUSED.replace(around))
}

/// Reservations that wait for the next run.
static KEPT: Mutex<Vec<Reservation>> = Mutex::new(Vec::new());

fn kept() -> MutexGuard<'static, Vec<Reservation>> {
    // A panic elsewhere leaves the list whole: each change of it is one call.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Addresses of a memory. The first `accessible` bytes can be used and are zero, the others cannot be touched.
struct Reservation {
    map: Mmap,
    accessible: usize,
}

impl Reservation {
    /// One with this many bytes to use, kept or new.
    fn take(bytes: usize, style: &MemoryStyle) -> Result<Self, String> {
        let waiting = {
            let mut kept = kept();
            let fitting = kept.iter().rposition(|waiting| waiting.accessible == bytes);
            fitting
                .map(|index| kept.swap_remove(index))
                .or_else(|| kept.pop())
        };
        if let Some(mut waiting) = waiting
            && waiting.resize(bytes).is_ok()
        {
            return Ok(waiting);
        }
        let guard = usize::try_from(style.offset_guard_size()).map_err(|error| error.to_string())?;
        let all = MemoryStyle::static_bound().bytes().0 + guard;
        Ok(Self {
            map: Mmap::accessible_reserved(bytes, all, None, MmapType::Private)?,
            accessible: bytes,
        })
    }

    /// Makes more bytes usable, or fewer. What becomes usable is zero.
    fn resize(&mut self, bytes: usize) -> Result<(), String> {
        #[cfg(test)]
        if tests::FULL.get() && bytes > self.accessible {
            return Err("the test says so".to_string());
        }
        if let Some(more) = bytes.checked_sub(self.accessible) {
            if more > 0 {
                self.map.make_accessible(self.accessible, more)?;
            }
        } else {
            self.hide(bytes)?;
        }
        self.accessible = bytes;
        Ok(())
    }

    /// Makes what is behind the first `bytes` bytes untouchable, and forgets what it holds. If it fails, what is there is
    /// not known, but all addresses are still ours: who called drops the reservation.
    fn hide(&mut self, bytes: usize) -> Result<(), String> {
        let length = self.accessible - bytes;
        // Not by mapping fresh addresses over these: the system may take the old ones away first and then fail, and
        // another thread would be given what this reservation unmaps when it is dropped.
        self.give_back(bytes, length)?;
        // SAFETY: the range lies within the reservation, which is ours alone, and no wasm or reference to it is alive:
        // it is called when the memory is dropped, and while the reservation waits. Both ends are multiples of 64 KiB,
        // and so of the system's pages. Whether it works or not, the addresses stay mapped.
        let failed = unsafe {
            let start = self.map.as_mut_ptr().add(bytes);
            libc::mprotect(start.cast(), length, libc::PROT_NONE) != 0
        };
        if failed {
            return Err(std::io::Error::last_os_error().to_string());
        }
        Ok(())
    }

    /// Makes all usable bytes zero.
    fn clear(&mut self) -> Result<(), String> {
        let written = self.accessible.min(CLEARED_BYTES);
        // SAFETY: these bytes are usable, and ours alone: see `hide`.
        unsafe { self.map.as_mut_ptr().write_bytes(0, written) };
        let rest = self.accessible - written;
        if rest == 0 {
            return Ok(());
        }
        self.give_back(written, rest)
    }

    /// Gives the pages of `length` usable bytes from `start` on back to the system, which makes them zero.
    fn give_back(&mut self, start: usize, length: usize) -> Result<(), String> {
        // SAFETY: as in `hide`: usable bytes of ours, whole pages, that nothing refers to. On Linux, private pages that
        // were given back read as zero afterwards.
        #[cfg(target_os = "linux")]
        let failed = unsafe {
            let start = self.map.as_mut_ptr().add(start);
            libc::madvise(start.cast(), length, libc::MADV_DONTNEED) != 0
        };
        // Elsewhere nothing is promised about them.
        #[cfg(not(target_os = "linux"))]
        let failed = (start, length) != (0, 0);
        if failed {
            return Err(std::io::Error::last_os_error().to_string());
        }
        Ok(())
    }
}

/// The memory of one instance.
struct Memory {
    /// Only none while it is dropped.
    reservation: Option<Reservation>,
    ty: MemoryType,
    style: MemoryStyle,
    /// Where compiled code reads the address and the length of the memory.
    definition: NonNull<VMMemoryDefinition>,
}

// SAFETY: `definition` lies in the instance, which owns this memory and is in the same store; it goes to another thread
// only with all of them, and is used by who has the store alone.
unsafe impl Send for Memory {}
// SAFETY: as above; through a shared reference it is only read.
unsafe impl Sync for Memory {}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "memory of {:?}", self.size())
    }
}

impl Memory {
    /// # Safety
    /// `definition` is valid as long as the memory is used.
    unsafe fn new(
        ty: MemoryType,
        style: MemoryStyle,
        definition: NonNull<VMMemoryDefinition>,
    ) -> Result<Self, MemoryError> {
        let reservation = Reservation::take(ty.minimum.bytes().0, &style).map_err(MemoryError::Region)?;
        let mut memory = Self {
            reservation: Some(reservation),
            ty,
            style,
            definition,
        };
        memory.tell();
        Ok(memory)
    }

    /// Tells compiled code where the memory is and how long.
    fn tell(&mut self) {
        let Some(reservation) = &mut self.reservation else {
            return;
        };
        // SAFETY: by the contract of `new` it is valid, and who has `&mut self` has the store.
        let definition = unsafe { self.definition.as_mut() };
        definition.base = reservation.map.as_mut_ptr();
        definition.current_length = reservation.accessible;
    }

    fn bytes(&self) -> usize {
        self.reservation.as_ref().map_or(0, |r| r.accessible)
    }
}

impl LinearMemory for Memory {
    fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.size(),
            ..self.ty
        }
    }

    fn size(&self) -> Pages {
        // A multiple of the page, and at most 4 GiB.
        Pages(u32::try_from(self.bytes() / wasmer_types::WASM_PAGE_SIZE).unwrap_or(u32::MAX))
    }

    fn style(&self) -> MemoryStyle {
        self.style
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let before = self.size();
        let most = self
            .ty
            .maximum
            .unwrap_or(Pages::max_value())
            .min(Pages::max_value());
        let after = before.checked_add(delta).filter(|after| *after <= most);
        let after = after.filter(|_| nesting::Pages::grow(u64::from(delta.0)));
        let after = after.ok_or(MemoryError::CouldNotGrow {
            current: before,
            attempted_delta: delta,
        })?;
        if let Some(reservation) = &mut self.reservation {
            reservation.resize(after.bytes().0).map_err(|error| {
                REFUSED.set(true);
                MemoryError::Region(error)
            })?;
        }
        self.tell();
        Ok(before)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.definition
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::MemoryNotShared)
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::UnsupportedOperation {
            message: "a contract's memory is not copied".to_string(),
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(mut reservation) = self.reservation.take() else {
            return;
        };
        // What it grew by is hidden again, so that it fits the same module's next run.
        let first = self.ty.minimum.bytes().0;
        if reservation.resize(first).is_err() || reservation.clear().is_err() {
            return;
        }
        let mut kept = kept();
        if kept.len() < MAX_KEPT {
            kept.push(reservation);
        }
    }
}

/// wasmer's own choices, but for memories.
pub(crate) struct Pooled(BaseTunables);

impl Pooled {
    pub(crate) fn new() -> Self {
        Self(BaseTunables::new())
    }
}

impl Tunables for Pooled {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        self.0.memory_style(memory)
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.0.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        self.0.create_host_memory(ty, style)
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        definition: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        // SAFETY: wasmer hands a place in the instance that it makes the memory for.
        let memory = unsafe { Memory::new(*ty, *style, definition) }?;
        Ok(VMMemory(Box::new(memory)))
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.0.create_host_table(ty, style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        definition: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: as this function's.
        unsafe { self.0.create_vm_table(ty, style, definition) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conformance::{Instance, Number},
        host::End,
    };

    thread_local! {
        /// The system has no more memory.
        pub(super) static FULL: Cell<bool> = const { Cell::new(false) };
    }

    /// Grows by one page and answers what `memory.grow` did.
    const GROWS: &str =
        r#"(module (memory 1 3) (func (export "f") (result i32) (memory.grow (i32.const 1))))"#;

    #[test]
    fn a_run_that_the_system_refused_memory_has_no_outcome() {
        let code = wat::parse_str(GROWS).unwrap();
        let Ok(mut instance) = Instance::fresh(&code) else {
            panic!("a fine module")
        };
        let mut grow = || instance.call("f", &[], 1_000_000).unwrap().result;
        assert_eq!(grow(), Ok(vec![Number::I32(1)]));
        FULL.set(true);
        let refused = grow();
        FULL.set(false);
        assert!(matches!(refused, Err(End::Broken(_))), "{refused:?}");
        assert_eq!(
            grow(),
            Ok(vec![Number::I32(2)]),
            "it is the run's, not the thread's"
        );
        // Its own maximum is no failure of the system.
        assert_eq!(grow(), Ok(vec![Number::I32(-1)]));
    }

    #[test]
    fn a_run_within_another_does_not_hide_its_refusal() {
        let (inner, outer) = watched(|| {
            REFUSED.set(true);
            watched(|| ()).1
        });
        assert_eq!((inner, outer), (false, true));
    }
}
