//! Where a function pays. A run of operators of which either all or none are executed, unless one of them traps, is paid
//! at once where it begins; this module finds these runs and their prices.
//!
//! A run need not be in one piece. `A if B else C end D` is `A D`, `B` and `C`, as long as no branch leads out of `B` or
//! `C`: whoever begins `A` comes to `D`. So a new run begins
//!
//! - at the start of the function, of a loop's body, of both sides of an `if`, and behind a `br_if`;
//! - behind the end of a block, loop or `if` out of which a branch leads, where several ways come together again.
//!
//! Calls end no run: what is behind them is paid before. A branch to the end of a construct, `return` too, lands before
//! its `end`, which is therefore paid by what follows; a branch to a loop lands behind its `loop`. Code that no operator
//! and no branch leads to is not executed and not paid.
//!
//! **Looking at the counter** after a payment costs a branch in the machine code, which is most of what metering costs
//! the compiler. So the start of a function and of a loop's body look, because every way that can be repeated leads
//! through one of them, and elsewhere only a payment that makes more than [`cost::MAX_UNSEEN`] since the last look, on
//! whatever way one comes to it. Between two looks the counter may be less than nothing, by at most that for each function
//! that waits for another one.

use wasmer::sys::wasmparser::{BinaryReaderError, Operator};

use super::{charges::Charge, ways::Ways};

/// The payments of one function, found while its operators pass by.
pub(super) struct Runs {
    runs: Vec<Charge>,
    ways: Ways,
    /// Operators seen.
    position: u32,
    /// Where we are; nowhere, if the next operator cannot be reached.
    here: Option<Here>,
    /// The open constructs, the function first.
    open: Vec<Construct>,
}

#[derive(Clone, Copy)]
struct Here {
    /// The run to which the next operator belongs.
    run: usize,
    place: u32,
}

struct Construct {
    kind: Kind,
    /// Where it begins; nowhere, if it cannot be reached.
    outer: Option<Here>,
    /// The outermost construct, by its place in `open`, to which a branch from inside leads. If that is further out than
    /// this one, it is left by it.
    leaves_to: usize,
    /// Places from which branches lead to its end, and the end of the first side of an `if`.
    arrivals: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The function, a block, or an `if` behind its `else`.
    Block,
    Loop,
    /// An `if` so far without `else`.
    If,
}

impl Runs {
    /// For a function whose locals cost this much.
    pub(super) fn new(entry_price: u64) -> Self {
        let mut runs = Self {
            runs: Vec::new(),
            ways: Ways::default(),
            position: 0,
            here: None,
            open: Vec::new(),
        };
        runs.begin(&[], true);
        runs.pay(entry_price);
        runs.enter(Kind::Block);
        runs
    }

    /// Counts an operator that the validator has accepted.
    pub(super) fn operator(&mut self, operator: &Operator<'_>, price: u64) -> Result<(), BinaryReaderError> {
        self.position += 1;
        if matches!(operator, Operator::End) {
            self.close();
            self.pay(price);
            return Ok(());
        }
        self.pay(price);
        match operator {
            Operator::Block { .. } => self.enter(Kind::Block),
            Operator::Loop { .. } => {
                self.enter(Kind::Loop);
                self.turn(true);
            }
            Operator::If { .. } => {
                self.enter(Kind::If);
                self.turn(false);
            }
            Operator::Else => self.otherwise(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.here = None;
            }
            Operator::BrIf { relative_depth } => {
                self.branch(*relative_depth);
                self.turn(false);
            }
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    self.branch(target?);
                }
                self.branch(targets.default());
                self.here = None;
            }
            Operator::Return => {
                let function = self.open.len().saturating_sub(1);
                self.branch(u32::try_from(function).unwrap_or(u32::MAX));
                self.here = None;
            }
            Operator::Unreachable => self.here = None,
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, from: &[u32], checked: bool) {
        let run = self.runs.len();
        let place = self.ways.join(from, Some(run));
        self.here = Some(Here { run, place });
        self.runs.push(Charge {
            at: self.position,
            price: 0,
            checked,
        });
    }

    /// A new run that is reached from here alone, or by branches back to it.
    fn turn(&mut self, checked: bool) {
        if let Some(here) = self.here {
            self.begin(&[here.place], checked);
        }
    }

    fn pay(&mut self, price: u64) {
        if let Some(run) = self.here.and_then(|here| self.runs.get_mut(here.run)) {
            run.price += price;
        }
    }

    fn enter(&mut self, kind: Kind) {
        self.open.push(Construct {
            kind,
            outer: self.here,
            leaves_to: usize::MAX,
            arrivals: Vec::new(),
        });
    }

    /// From one side of an `if` to the other.
    fn otherwise(&mut self) {
        let Some(construct) = self.open.last_mut() else {
            return;
        };
        construct.kind = Kind::Block;
        construct.arrivals.extend(self.here.map(|here| here.place));
        self.here = construct.outer;
        self.turn(false);
    }

    /// A branch from here. It takes no more time to a construct far out: a table of branches has thousands of targets.
    fn branch(&mut self, relative_depth: u32) {
        let innermost = self.open.len().saturating_sub(1);
        let target = innermost.saturating_sub(relative_depth as usize);
        let Some(here) = self.here else { return };
        if let Some(construct) = self.open.last_mut() {
            construct.leaves_to = construct.leaves_to.min(target);
        }
        // A branch back to a loop comes to a place that looks anyway.
        let forward = self
            .open
            .get_mut(target)
            .filter(|target| target.kind != Kind::Loop);
        if let Some(construct) = forward.filter(|target| target.arrivals.last() != Some(&here.place)) {
            construct.arrivals.push(here.place);
        }
    }

    fn close(&mut self) {
        let Some(construct) = self.open.pop() else { return };
        let left = construct.leaves_to < self.open.len();
        if let Some(around) = self.open.last_mut() {
            around.leaves_to = around.leaves_to.min(construct.leaves_to);
        }
        let mut arrivals = construct.arrivals;
        if construct.kind == Kind::If {
            // The side that is not there.
            arrivals.extend(construct.outer.map(|outer| outer.place));
        }
        let several = !arrivals.is_empty();
        arrivals.extend(self.here.map(|here| here.place));
        if arrivals.is_empty() {
            return;
        }
        match construct.outer {
            Some(outer) if !left => {
                let place = self.ways.join(&arrivals, None);
                self.here = Some(Here {
                    run: outer.run,
                    place,
                });
            }
            _ if several => self.begin(&arrivals, false),
            _ => {}
        }
    }

    /// Steps that [`Ways::look`] will take.
    #[cfg(test)]
    fn steps(&self) -> usize {
        self.ways.steps()
    }

    /// The payments in the order of their places.
    pub(super) fn finish(mut self) -> impl Iterator<Item = Charge> {
        self.ways.look(&mut self.runs);
        self.runs.into_iter().filter(|run| run.price > 0)
    }
}

#[cfg(test)]
mod tests {
    use wasmer::sys::wasmparser::{Parser, Payload};

    use super::Runs;

    /// The whole analysis of the one function of a module, in steps.
    fn steps(code: &[u8]) -> usize {
        let mut steps = 0;
        for payload in Parser::new(0).parse_all(code) {
            let Payload::CodeSectionEntry(body) = payload.unwrap() else {
                continue;
            };
            let mut runs = Runs::new(0);
            for operator in body.get_operators_reader().unwrap() {
                runs.operator(&operator.unwrap(), 1).unwrap();
            }
            steps += runs.steps();
        }
        steps
    }

    #[test]
    fn tables_of_far_targets_take_no_more_steps_than_they_have_bytes() {
        // In 500 blocks a hundred tables, each reached, of 4,000 targets that go round all of them.
        let targets: String = (0..4_000).map(|i| format!("{} ", i % 500)).collect();
        let table = format!("block i32.const 1 br_if 0 i32.const 7 br_table {targets} end ");
        let text = format!(
            "(module (func {} {} {}))",
            "block ".repeat(500),
            table.repeat(100),
            "end ".repeat(500)
        );
        let code = wat::parse_str(text).unwrap();
        let steps = steps(&code);
        assert!(steps < code.len(), "{steps} steps for {} bytes", code.len());
    }
}
