//! Random programs of nothing but control flow: every construct, branches to every label, dead code, calls.

use std::fmt::Write;

/// A generator of numbers that look random: SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Functions of a program. A function calls only later ones, except rarely.
const FUNCTIONS: u64 = 5;

/// The text of a module: `work` is an exported global that counts the `$work` lines executed, of 4 gas each; `$decide`
/// leaves a number that changes from one use to the next.
pub fn program(seed: u64) -> String {
    let mut text = String::from(
        r#"(module (global $work (export "work") (mut i64) (i64.const 0)) (global $seed (mut i64) (i64.const 1))"#,
    );
    let mut numbers = Numbers(seed);
    for function in 0..FUNCTIONS {
        let _ = write!(text, "\n(func $f{function} (export \"f{function}\") ");
        let mut body = Body {
            text: &mut text,
            numbers: &mut numbers,
            function,
            labels: vec![Label { takes: false }],
            left: 60,
        };
        body.statements();
        text.push(')');
    }
    text.push(')');
    text
}

/// A label that takes an `i32`, or nothing.
#[derive(Clone, Copy)]
struct Label {
    takes: bool,
}

struct Body<'a> {
    text: &'a mut String,
    numbers: &'a mut Numbers,
    function: u64,
    labels: Vec<Label>,
    /// Statements that may still be made.
    left: u32,
}

impl Body<'_> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push(' ');
    }

    fn statements(&mut self) {
        for _ in 0..self.numbers.below(5) {
            self.statement();
        }
    }

    fn statement(&mut self) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        match self.numbers.below(16) {
            0..3 => self.put("(global.set $work (i64.add (global.get $work) (i64.const 1)))"),
            3 => {
                let nops = self.numbers.below(90) as usize;
                self.put(&"nop ".repeat(nops));
            }
            4 | 5 => self.construct("block"),
            6 | 7 => self.construct("loop"),
            8..11 => self.choice(),
            11 | 12 => self.branch("br_if"),
            13 => self.leave(),
            14 => self.table(),
            _ => self.call(),
        }
    }

    /// A number below `end`, made by the program.
    fn decide(&mut self, end: u64) {
        let text = format!(
            "(global.set $seed (i64.add (i64.mul (global.get $seed) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
            (i32.rem_u (i32.wrap_i64 (i64.shr_u (global.get $seed) (i64.const 33))) (i32.const {end}))"
        );
        self.put(&text);
    }

    /// A construct with statements in it; some leave a number, which is dropped.
    fn construct(&mut self, kind: &str) {
        let takes = self.numbers.below(3) == 0;
        self.put(kind);
        if takes {
            self.put("(result i32)");
        }
        // A branch to a loop carries its parameters, and there are none.
        self.labels.push(Label {
            takes: takes && kind != "loop",
        });
        self.statements();
        if kind == "loop" && self.numbers.below(2) == 0 {
            self.decide(4);
            self.put("br_if 0");
        }
        self.close(takes);
    }

    fn choice(&mut self) {
        let takes = self.numbers.below(3) == 0;
        self.decide(2);
        self.put(if takes { "if (result i32)" } else { "if" });
        self.labels.push(Label { takes });
        self.statements();
        if takes || self.numbers.below(2) == 0 {
            if takes {
                self.put("i32.const 1");
            }
            self.put("else");
            self.statements();
        }
        self.close(takes);
    }

    fn close(&mut self, takes: bool) {
        self.put(if takes { "i32.const 2 end drop\n" } else { "end\n" });
        self.labels.pop();
    }

    fn branch(&mut self, operator: &str) {
        let depth = self.numbers.below(self.labels.len() as u64);
        let label = self.labels[self.labels.len() - 1 - depth as usize];
        if label.takes {
            self.put("i32.const 3");
        }
        if operator == "br_if" {
            self.decide(3);
        }
        self.put(&format!("{operator} {depth}"));
        if operator == "br_if" && label.takes {
            self.put("drop");
        }
    }

    /// What does not come back; what follows is dead.
    fn leave(&mut self) {
        match self.numbers.below(8) {
            0 => self.put("unreachable"),
            1 | 2 => self.put("return"),
            _ => self.branch("br"),
        }
    }

    fn table(&mut self) {
        let takes = self.labels[self.numbers.below(self.labels.len() as u64) as usize].takes;
        let last = self.labels.len() - 1;
        let fitting: Vec<usize> = (0..=last)
            .filter(|d| self.labels[last - d].takes == takes)
            .collect();
        let targets = 1 + self.numbers.below(6);
        if takes {
            self.put("i32.const 4");
        }
        self.decide(targets + 2);
        self.put("br_table");
        for _ in 0..targets {
            let depth = fitting[self.numbers.below(fitting.len() as u64) as usize];
            self.put(&depth.to_string());
        }
    }

    fn call(&mut self) {
        let callee = match self.function + 1 {
            next if next < FUNCTIONS => next + self.numbers.below(FUNCTIONS - next),
            _ if self.numbers.below(4) == 0 => 0,
            _ => return,
        };
        self.put(&format!("call $f{callee}"));
    }
}
