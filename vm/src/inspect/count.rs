//! Sections: counted, and their imports and exports compared with the contract interface.

use wasmer::sys::wasmparser::{
    CompositeInnerType, DataKind, ElementItems, ExternalKind, FuncType, Payload, TableInit, TypeRef, ValType,
};

use super::{CodeFault, CodeReport, Limit, Rules, Start, invalid, is_entry, is_memory, is_reserved, within};
use crate::abi::{self, HostFunction, Number};

/// What was seen of a module so far.
#[derive(Default)]
pub(super) struct Counts {
    used: Vec<(Limit, u64)>,
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// Type of each function, imported ones first.
    functions: Vec<u32>,
    imports: Vec<HostFunction>,
    exports: Vec<String>,
    entries: Vec<crate::host::Entry>,
    exports_memory: bool,
    globals: u64,
    tables: u64,
    memories: u64,
    /// What instances are made of, as far as it was seen.
    start: Start,
    custom_sections: u64,
    custom_bytes: u64,
    values: u64,
}

impl Counts {
    /// Notes the highest value of a limit, and refuses it if it is beyond.
    pub(super) fn note(&mut self, limit: Limit, value: u64) -> Result<(), CodeFault> {
        match self.used.iter_mut().find(|(l, _)| *l == limit) {
            Some((_, most)) => *most = (*most).max(value),
            None => self.used.push((limit, value)),
        }
        within(limit, value)
    }

    /// Number of parameters of a type; types were seen before functions.
    pub(super) fn parameters_of(&self, ty: u32) -> u64 {
        self.types
            .get(ty as usize)
            .map_or(0, |(parameters, _)| parameters.len() as u64)
    }

    /// Parameters and results of a type.
    pub(super) fn merged_by(&self, ty: u32) -> u64 {
        let ty = self.types.get(ty as usize);
        ty.map_or(0, |(parameters, results)| {
            parameters.len() as u64 + results.len() as u64
        })
    }

    /// Number of results of a function; functions were seen before bodies.
    pub(super) fn results_of_function(&self, function: u32) -> u64 {
        let ty = self.functions.get(function as usize);
        ty.and_then(|ty| self.types.get(*ty as usize))
            .map_or(0, |(_, results)| results.len() as u64)
    }

    /// Notes the values that a function makes.
    pub(super) fn function_values(&mut self, values: u64) -> Result<(), CodeFault> {
        self.values += values;
        self.note(Limit::FunctionValues, values)?;
        self.note(Limit::ModuleValues, self.values)
    }

    /// Counts a section. The validator sees it after this.
    pub(super) fn section(&mut self, payload: &Payload<'_>, rules: Rules) -> Result<(), CodeFault> {
        match payload {
            Payload::TypeSection(types) => {
                self.note(Limit::Types, u64::from(types.count()))?;
                for group in types.clone() {
                    for ty in group.map_err(invalid)?.into_types() {
                        if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                            self.function_type(ty)?;
                        }
                    }
                }
            }
            Payload::ImportSection(imports) => {
                self.note(Limit::Imports, u64::from(imports.count()))?;
                for import in imports.clone().into_imports() {
                    let import = import.map_err(invalid)?;
                    self.import(import.module, import.name, import.ty)?;
                }
            }
            Payload::FunctionSection(functions) => {
                let all = self.functions.len() as u64 + u64::from(functions.count());
                self.note(Limit::Functions, all)?;
                self.start.functions += u64::from(functions.count());
                for ty in functions.clone() {
                    self.functions.push(ty.map_err(invalid)?);
                }
            }
            Payload::TableSection(tables) => {
                self.note(Limit::Tables, self.tables + u64::from(tables.count()))?;
                for table in tables.clone() {
                    let table = table.map_err(invalid)?;
                    self.table(table.ty.initial)?;
                    if matches!(table.init, TableInit::Expr(_)) {
                        return Err(unsupported("a table with an initial value"));
                    }
                }
            }
            Payload::MemorySection(memories) => {
                self.note(Limit::Memories, self.memories + u64::from(memories.count()))?;
                for memory in memories.clone() {
                    self.memory(memory.map_err(invalid)?.initial)?;
                }
            }
            Payload::GlobalSection(globals) => {
                self.globals += u64::from(globals.count());
                self.start.records += u64::from(globals.count());
                self.note(Limit::Globals, self.globals)?;
            }
            Payload::ExportSection(exports) => {
                self.note(Limit::Exports, u64::from(exports.count()))?;
                for export in exports.clone() {
                    let export = export.map_err(invalid)?;
                    self.export(export.name, export.kind, export.index, rules)?;
                }
            }
            Payload::ElementSection(segments) => {
                self.note(Limit::ElementSegments, u64::from(segments.count()))?;
                self.start.records += u64::from(segments.count());
                for segment in segments.clone() {
                    let count = match segment.map_err(invalid)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    self.start.table_elements += u64::from(count);
                }
            }
            Payload::DataSection(segments) => {
                self.note(Limit::DataSegments, u64::from(segments.count()))?;
                self.start.records += u64::from(segments.count());
                for segment in segments.clone() {
                    let segment = segment.map_err(invalid)?;
                    self.start.loaded_bytes += segment.data.len() as u64;
                    if matches!(segment.kind, DataKind::Active { .. }) {
                        self.start.data_bytes += segment.data.len() as u64;
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                self.start.loaded_bytes += range.end.saturating_sub(range.start);
            }
            Payload::CustomSection(custom) => {
                self.custom_sections += 1;
                self.custom_bytes += custom.data().len() as u64;
                self.note(Limit::CustomSections, self.custom_sections)?;
                self.note(Limit::CustomBytes, self.custom_bytes)?;
                self.note(Limit::NameBytes, custom.name().len() as u64)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn function_type(&mut self, ty: &FuncType) -> Result<(), CodeFault> {
        self.note(Limit::Parameters, ty.params().len() as u64)?;
        self.note(Limit::Results, ty.results().len() as u64)?;
        self.types.push((ty.params().to_vec(), ty.results().to_vec()));
        Ok(())
    }

    fn table(&mut self, initial: u64) -> Result<(), CodeFault> {
        self.tables += 1;
        self.start.table_elements += initial;
        self.note(Limit::TableElements, initial)
    }

    fn memory(&mut self, initial: u64) -> Result<(), CodeFault> {
        self.memories += 1;
        self.start.pages += initial;
        self.note(Limit::MemoryPages, initial)
    }

    fn import(&mut self, module: &str, name: &str, ty: TypeRef) -> Result<(), CodeFault> {
        self.note(Limit::NameBytes, module.len().max(name.len()) as u64)?;
        let known = (module == abi::MODULE)
            .then(|| HostFunction::named(name))
            .flatten();
        let (Some(function), TypeRef::Func(index)) = (known, ty) else {
            return Err(CodeFault::UnknownImport {
                module: module.to_string(),
                name: name.to_string(),
            });
        };
        let matches = self
            .types
            .get(index as usize)
            .is_some_and(|(parameters, results)| {
                parameters
                    .iter()
                    .copied()
                    .eq(function.parameters().iter().map(|n| value(*n)))
                    && results.iter().copied().eq(function.result().map(value))
            });
        if !matches {
            return Err(CodeFault::ImportSignature {
                name: name.to_string(),
                expected: function.signature(),
            });
        }
        self.functions.push(index);
        self.imports.push(function);
        self.start.imports += 1;
        Ok(())
    }

    fn export(&mut self, name: &str, kind: ExternalKind, index: u32, rules: Rules) -> Result<(), CodeFault> {
        self.note(Limit::NameBytes, name.len() as u64)?;
        if is_reserved(name) {
            return Err(CodeFault::ReservedExport {
                name: name.to_string(),
            });
        }
        self.exports.push(name.to_string());
        if is_memory(name) && kind == ExternalKind::Memory {
            self.exports_memory = true;
        }
        if let (Some(entry), Rules::Contract) = (is_entry(name), rules) {
            let ty = self
                .functions
                .get(index as usize)
                .and_then(|ty| self.types.get(*ty as usize));
            let plain = ty.is_some_and(|(parameters, results)| parameters.is_empty() && results.is_empty());
            if kind != ExternalKind::Func || !plain {
                return Err(CodeFault::EntrySignature {
                    name: name.to_string(),
                });
            }
            self.entries.push(entry);
        }
        Ok(())
    }

    /// What the whole module came to.
    pub(super) fn report(self, rules: Rules) -> Result<CodeReport, CodeFault> {
        if rules == Rules::Contract {
            if self.entries.is_empty() {
                return Err(CodeFault::NoEntry);
            }
            if !self.imports.is_empty() && !self.exports_memory {
                return Err(CodeFault::NoMemory);
            }
        }
        Ok(CodeReport {
            start_gas: self.start.gas(),
            entries: self.entries,
            exports: self.exports,
            imports: self.imports,
            used: self.used,
        })
    }
}

fn value(number: Number) -> ValType {
    match number {
        Number::I32 => ValType::I32,
        Number::I64 => ValType::I64,
    }
}

fn unsupported(what: &str) -> CodeFault {
    CodeFault::Invalid {
        reason: format!("{what} needs reference types, which are off"),
        offset: 0,
    }
}
