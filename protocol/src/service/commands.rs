//! What the node asks for.

use super::Service;
use crate::client::Command;

impl Service {
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Verdict { message, verdict } => self.judge(&message, verdict),
            Command::Request { id, peer, request } => self.ask(id, peer, request),
            Command::Respond { token, response } => self.answer(token, response),
            Command::Penalize { peer, offence } => self.offend(peer, offence, "found by the node"),
            Command::Disconnect { peer } => self.disconnect(peer, "the node asked for it"),
            Command::Dial { address } => self.dial_address(address),
        }
    }
}
