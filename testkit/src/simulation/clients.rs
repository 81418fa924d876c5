//! Clients at the nodes' doors.

use aureon_node::core::{Input, ReplyToken, SubmitOutcome};

use aureon_types::SecretKey;

use super::{Event, Simulation};
use crate::{
    load::{Step, Submission},
    scenario::SECOND,
};

impl Simulation {
    /// A client submits something to a node that answers; if none does, it goes away.
    pub(super) fn submit(&mut self) {
        let Some(node) = self.any_running() else { return };
        let submission = self.load.draw(&mut self.random);
        self.hand_in(node, submission);
    }

    /// Reserve nodes join the validators early, and leave them after everything has healed.
    pub(super) fn prepare_changes(&mut self) {
        let heal = self.scenario.heal_at;
        for reserve in self.scenario.validators..self.scenario.keys() {
            for (step, from, to) in [
                (Step::Enter, SECOND / 5, heal / 4),
                (Step::Leave, heal, heal + SECOND),
            ] {
                let at = self.random.between(from, to);
                self.schedule_at(at, 0, Event::Change { reserve, step });
            }
        }
    }

    /// What is refused or lost is submitted again with everything else.
    pub(super) fn change(&mut self, reserve: usize, step: Step) {
        let reserve = self.cast.validators[reserve].public_key();
        let voters = self.cast.validators.iter().take(self.scenario.validators);
        let voters: Vec<_> = voters.map(SecretKey::address).collect();
        let stake = self.scenario.stakes.iter().copied().min().unwrap_or(0);
        for submission in self.load.step(step, &reserve, &voters, stake) {
            if let Some(node) = self.any_running() {
                self.hand_in(node, submission);
            }
        }
    }

    pub(super) fn submit_again(&mut self) {
        let Some(node) = self.any_running() else {
            return self.schedule(SECOND, 0, Event::SubmitAgain);
        };
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
