//! Clients at the nodes' doors.

use aureon_node::core::{Input, ReplyToken, SubmitOutcome};

use super::Simulation;
use crate::load::Submission;

impl Simulation {
    /// A client submits something to a node that answers; if none does, it goes away.
    pub(super) fn submit(&mut self) {
        let Some(node) = self.any_running() else { return };
        let submission = self.load.draw(&mut self.random);
        self.hand_in(node, submission);
    }

    pub(super) fn submit_again(&mut self) {
        let Some(node) = self.any_running() else { return };
        let Some(running) = &self.nodes[node].running else {
            return;
        };
        let again = self.load.again(running.core.view());
        for submission in again {
            self.hand_in(node, submission);
        }
        self.moved = true;
    }

    fn any_running(&mut self) -> Option<usize> {
        let running: Vec<usize> = self
            .honest()
            .filter(|node| self.nodes[*node].running.is_some())
            .collect();
        let place = self.random.below(running.len());
        running.get(place).copied()
    }

    fn hand_in(&mut self, node: usize, submission: Submission) {
        let life = self.nodes[node].life;
        let Some(running) = self.running(node) else { return };
        let reply = running.reply_token();
        let transactions = submission.transactions.clone();
        self.load.await_reply(node, life, reply, submission);
        self.tell(node, Input::Submit { transactions, reply });
    }

    pub(super) fn on_reply(&mut self, node: usize, reply: ReplyToken, outcome: SubmitOutcome) {
        self.trace.record(
            self.now,
            node,
            "reply",
            format!("{reply:?} {outcome:?}").as_bytes(),
        );
        if let Err(what) = self.load.on_reply(node, reply, &outcome) {
            self.violate(format!("node {node}: {what}"));
        }
    }
}
