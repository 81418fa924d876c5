//! Whole networks of shipped nodes, by seed; and the proof that a broken rule would be noticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod attacks;
mod cluster;
mod sabotage;
mod seeds;
