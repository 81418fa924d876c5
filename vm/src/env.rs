//! What host functions see: the guest's memory and gas, and the host.

use std::ptr::NonNull;

use bytes::Bytes;
use wasmer::{BackendTrap, Global, Memory, RuntimeError, StoreMut, Value};

use crate::{
    cost,
    host::{Context, Halt, Host, TrapKind},
};

/// The host of one run, without its lifetime.
///
/// wasmer wants everything that host functions see to live for ever (`'static`), because it keeps it in its store.
/// Our host lives as long as the call of [`crate::Machine::run`], which makes the store, keeps it to itself, and
/// drops it before it returns. So the pointer is never older than the borrow it was made of.
pub(crate) struct HostPointer(NonNull<dyn Host>);

// SAFETY: wasmer asks for `Send` because a store may be moved to another thread. Ours is a local variable of
// `Machine::run`, and its wasm runs on that thread (on another stack, not another thread).
unsafe impl Send for HostPointer {}

impl HostPointer {
    /// Forgets the lifetime of `host`.
    ///
    /// # Safety
    /// The caller drops the pointer before `host`'s borrow ends, and does not use `host` as long as code that
    /// can reach the pointer runs.
    pub(crate) unsafe fn new(host: &mut dyn Host) -> Self {
        let pointer = NonNull::from(host);
        // SAFETY: only the lifetime in the type changes, the representation is the same.
        Self(unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host + 'static>>(pointer) })
    }

    fn get(&mut self) -> &mut dyn Host {
        // SAFETY: the pointer is alive (see `new`), and this is the only use of it: `&mut self` is the store's
        // one environment, and a host function that is inside the host cannot be entered again in this store,
        // since nested runs have stores of their own.
        unsafe { self.0.as_mut() }
    }
}

/// The environment of one run.
pub(crate) struct Env {
    pub(crate) host: HostPointer,
    pub(crate) context: Context,
    /// Set right after the instance is made; no wasm runs before.
    pub(crate) memory: Option<Memory>,
    pub(crate) gas: Option<Global>,
    pub(crate) input: Bytes,
    pub(crate) output: Vec<u8>,
    /// What the last nested call answered.
    pub(crate) answer: Bytes,
    pub(crate) refund: u64,
}

/// Why a host function ends the run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("out of gas")]
    OutOfGas,
    #[error("{0}")]
    Trap(TrapKind),
    #[error("aborted: {0}")]
    Abort(String),
    #[error("interrupted by the host")]
    Interrupted,
    /// What cannot be: the machine's own mistake.
    #[error("{0}")]
    Broken(&'static str),
}

/// The error that wasmer hands through. Made here, because wasmer would look at the stack if it made it: at that of the run
/// that waits for this one, when this one's functions have left theirs.
impl From<Stop> for RuntimeError {
    fn from(stop: Stop) -> Self {
        let trap = wasmer_vm::Trap::User(Box::new(stop));
        Self::new_from_source(BackendTrap::Sys(trap), Vec::new(), None)
    }
}

impl From<Halt> for RuntimeError {
    fn from(halt: Halt) -> Self {
        Stop::from(halt).into()
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Trap(kind) => Self::Trap(kind),
            Halt::Interrupted => Self::Interrupted,
        }
    }
}

/// A host function at work.
pub(crate) struct Guest<'a> {
    pub(crate) env: &'a mut Env,
    pub(crate) store: StoreMut<'a>,
}

impl<'a> Guest<'a> {
    /// Enters a host function: pays for the way.
    pub(crate) fn enter(env: &'a mut Env, store: StoreMut<'a>) -> Result<Self, Stop> {
        let mut guest = Self { env, store };
        guest.charge(cost::HOST_CALL)?;
        Ok(guest)
    }

    pub(crate) fn host(&mut self) -> &mut dyn Host {
        self.env.host.get()
    }

    pub(crate) fn gas_left(&mut self) -> Result<u64, Stop> {
        let gas = self.env.gas.as_ref().ok_or(Stop::Broken("no gas counter"))?;
        match gas.get(&mut self.store) {
            Value::I64(left) => u64::try_from(left).map_err(|_| Stop::OutOfGas),
            _ => Err(Stop::Broken("the gas counter is no i64")),
        }
    }

    /// Pays `gas`, or ends the run. Always before what it pays for.
    pub(crate) fn charge(&mut self, gas: u64) -> Result<(), Stop> {
        let rest = self.gas_left()?.checked_sub(gas).ok_or(Stop::OutOfGas)?;
        let global = self.env.gas.as_ref().ok_or(Stop::Broken("no gas counter"))?;
        global
            .set(&mut self.store, Value::I64(rest.cast_signed()))
            .map_err(|_| Stop::Broken("the gas counter cannot be set"))
    }

    /// Pays `unit` for each of `count` bytes.
    pub(crate) fn charge_bytes(&mut self, unit: u64, count: usize) -> Result<(), Stop> {
        // Lengths are at most 32 bits and units small: no overflow.
        self.charge(unit.saturating_mul(count as u64))
    }

    /// Reads a fixed number of bytes.
    pub(crate) fn read_array<const N: usize>(&mut self, pointer: u32) -> Result<[u8; N], Stop> {
        let mut array = [0; N];
        self.read_into(pointer, &mut array)?;
        Ok(array)
    }

    /// Reads `length` bytes, of at most `most`, and pays for the copy before it is made.
    pub(crate) fn read(&mut self, pointer: u32, length: u32, most: usize) -> Result<Vec<u8>, Stop> {
        let length = length as usize;
        if length > most {
            return Err(Stop::Trap(TrapKind::BadLength));
        }
        self.charge_bytes(cost::COPY_BYTE, length)?;
        let mut bytes = vec![0; length];
        self.read_into(pointer, &mut bytes)?;
        Ok(bytes)
    }

    fn read_into(&mut self, pointer: u32, bytes: &mut [u8]) -> Result<(), Stop> {
        let memory = self.env.memory.as_ref().ok_or(Stop::Broken("no memory"))?;
        memory
            .view(&self.store)
            .read(u64::from(pointer), bytes)
            .map_err(|_| Stop::Trap(TrapKind::BadPointer))
    }

    /// Whether `length` bytes at `pointer` are in the memory.
    pub(crate) fn check(&mut self, pointer: u32, length: u32) -> Result<(), Stop> {
        let memory = self.env.memory.as_ref().ok_or(Stop::Broken("no memory"))?;
        if u64::from(pointer) + u64::from(length) > memory.view(&self.store).data_size() {
            return Err(Stop::Trap(TrapKind::BadPointer));
        }
        Ok(())
    }

    /// Writes all of `bytes`.
    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Stop> {
        let memory = self.env.memory.as_ref().ok_or(Stop::Broken("no memory"))?;
        memory
            .view(&self.store)
            .write(u64::from(pointer), bytes)
            .map_err(|_| Stop::Trap(TrapKind::BadPointer))
    }

    /// Writes as much of `bytes` as fits into `capacity` bytes at `pointer`, pays for it, and answers how long
    /// all of them are. The whole capacity must be in the memory, also if less is written.
    pub(crate) fn answer(&mut self, pointer: u32, capacity: u32, bytes: &[u8]) -> Result<i32, Stop> {
        self.check(pointer, capacity)?;
        let part = bytes.get(..capacity as usize).unwrap_or(bytes);
        self.charge_bytes(cost::COPY_BYTE, part.len())?;
        self.write(pointer, part)?;
        i32::try_from(bytes.len()).map_err(|_| Stop::Broken("an answer of 2 GiB"))
    }
}
