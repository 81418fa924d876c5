//! How many values a function makes in the form that the compiler works on, where a value is set once: operators make
//! them, and so does every block, loop and `if` in which a local is set, for what follows it must see one local.

use wasmer::sys::wasmparser::{BlockType, Operator};

use super::count::Counts;

/// The count for one function.
pub(super) struct Values {
    total: u64,
    /// Words of a set of locals.
    words: usize,
    /// The open constructs, the function first.
    open: Vec<Construct>,
}

struct Construct {
    /// Parameters and results.
    merged: u64,
    /// Bit `i`: local `i` is set in it.
    set: Vec<u64>,
}

impl Values {
    /// For a function with this many parameters and locals.
    pub(super) fn new(locals: u64) -> Self {
        // At most 1,024 (`Limit::FrameSlots`), which was checked before.
        let words = usize::try_from(locals / 64 + 1).unwrap_or(usize::MAX);
        let function = Construct {
            merged: 0,
            set: vec![0; words],
        };
        Self {
            total: locals,
            words,
            open: vec![function],
        }
    }

    /// Counts an operator that the validator has accepted.
    pub(super) fn operator(&mut self, operator: &Operator<'_>, counts: &Counts) {
        self.total += 1;
        match operator {
            Operator::Call { function_index } => self.total += counts.results_of_function(*function_index),
            Operator::CallIndirect { type_index, .. } => self.total += counts.merged_by(*type_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => self.set(*local_index),
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let merged = match blockty {
                    BlockType::Empty => 0,
                    BlockType::Type(_) => 1,
                    BlockType::FuncType(ty) => counts.merged_by(*ty),
                };
                self.open.push(Construct {
                    merged,
                    set: vec![0; self.words],
                });
            }
            Operator::End => self.close(),
            _ => {}
        }
    }

    fn set(&mut self, local: u32) {
        let word = self
            .open
            .last_mut()
            .and_then(|construct| construct.set.get_mut(local as usize / 64));
        if let Some(word) = word {
            *word |= 1 << (local % 64);
        }
    }

    fn close(&mut self) {
        let Some(construct) = self.open.pop() else { return };
        let set: u32 = construct.set.iter().map(|word| word.count_ones()).sum();
        self.total += construct.merged + u64::from(set);
        if let Some(outer) = self.open.last_mut() {
            for (outer, inner) in outer.set.iter_mut().zip(&construct.set) {
                *outer |= inner;
            }
        }
    }

    /// All of them.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}
