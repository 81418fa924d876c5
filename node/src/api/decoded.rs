//! Inputs, results and events in the words of the interfaces that contracts have now.
//!
//! A contract that was upgraded since may have had others: what does not fit is left as bytes, and the bytes
//! are always there.

use std::{collections::BTreeMap, sync::Arc};

use aureon_interface::{Budget, Entry, Interface};
use aureon_types::{Action, Address, contract};
use serde_json::Value;

use super::{
    contract::{CalledView, EventView},
    hex_bytes::HexBytes,
    interfaces::Interfaces,
    model::ReceiptView,
};
use crate::handle::NodeHandle;

/// Most contracts whose interfaces one answer needs; the events of further ones stay bytes.
const MAX_CONTRACTS: usize = 16;

/// Decodes what belongs to one answer, within one budget. Reads the disk.
pub struct Decoder<'a> {
    node: &'a NodeHandle,
    interfaces: &'a Interfaces,
    budget: Budget,
    known: BTreeMap<Address, Option<Arc<Interface>>>,
}

impl<'a> Decoder<'a> {
    pub fn new(node: &'a NodeHandle, interfaces: &'a Interfaces) -> Self {
        Self {
            node,
            interfaces,
            budget: Budget::default(),
            known: BTreeMap::new(),
        }
    }

    /// The contract that a deployment would make: it is not there yet.
    pub fn would_deploy(&mut self, action: &Action, contract: Address) {
        let known = self.target(action).map(|(interface, _)| interface);
        self.known.insert(contract, known);
    }

    /// What an action asks of a contract.
    pub fn action(&mut self, action: &Action) -> Option<CalledView> {
        let (interface, input) = self.target(action)?;
        let (entry, arguments) = entered(&interface, action, input)?;
        let arguments = interface.decode_arguments(entry, arguments, &mut self.budget);
        Some(CalledView {
            function: entry.name.clone(),
            arguments: arguments.ok()?,
        })
    }

    /// What an action's contract gave back.
    pub fn result(&mut self, action: &Action, output: &HexBytes) -> Option<Value> {
        let (interface, input) = self.target(action)?;
        let (entry, _) = entered(&interface, action, input)?;
        self.given(&interface, entry, output)
    }

    /// What a contract answered to this input.
    pub fn answer(&mut self, contract: &Address, input: &[u8], output: &HexBytes) -> Option<Value> {
        let interface = self.interface(contract)?;
        let (function, _) = interface.called(input)?;
        self.given(&interface, &function.entry, output)
    }

    fn given(&mut self, interface: &Interface, entry: &Entry, output: &HexBytes) -> Option<Value> {
        entry.returns.as_ref()?;
        interface.decode_given(entry, &output.0, &mut self.budget).ok()
    }

    /// Adds the fields of the events.
    pub fn events(&mut self, events: &mut [EventView]) {
        for event in events {
            let Some(interface) = self.interface(&event.contract) else {
                continue;
            };
            let (topic, data) = (&event.topic.0, &event.data.0);
            let fields = interface.decode_event_within(topic, data, &mut self.budget);
            event.fields = fields.ok().flatten();
        }
    }

    /// Adds result and fields to a receipt.
    pub fn receipt(&mut self, action: &Action, receipt: &mut ReceiptView) {
        if receipt.success {
            receipt.result = self.result(action, &receipt.return_data);
        }
        self.events(&mut receipt.events);
    }

    fn target<'b>(&mut self, action: &'b Action) -> Option<(Arc<Interface>, &'b [u8])> {
        match action {
            Action::Call { contract, input, .. } => Some((self.interface(contract)?, input)),
            Action::Deploy { code, input, .. } | Action::Upgrade { code, input, .. } => {
                let known = self.interfaces.of_code(contract::code_hash(code), code);
                Some((known.ok()??, input))
            }
            _ => None,
        }
    }

    fn interface(&mut self, contract: &Address) -> Option<Arc<Interface>> {
        if let Some(known) = self.known.get(contract) {
            return known.clone();
        }
        if self.known.len() >= MAX_CONTRACTS {
            return None;
        }
        let found = self.interfaces.of_contract(self.node, contract).ok();
        let known = found
            .and_then(|at| at.found)
            .and_then(|found| found.known.ok().flatten());
        self.known.insert(*contract, known.clone());
        known
    }
}

/// The entry point that an action enters, and the bytes of its arguments.
fn entered<'a, 'b>(
    interface: &'a Interface,
    action: &Action,
    input: &'b [u8],
) -> Option<(&'a Entry, &'b [u8])> {
    match action {
        Action::Deploy { .. } => Some((interface.deploy.as_ref()?, input)),
        Action::Upgrade { .. } => Some((interface.migrate.as_ref()?, input)),
        _ => interface
            .called(input)
            .map(|(function, arguments)| (&function.entry, arguments)),
    }
}
