//! What was measured, as `--json` prints it.

use serde::Serialize;

use super::Latency;

/// The result of `bench transfers`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Transactions in committed blocks per second of the window.
    pub included_tps: f64,
    /// Length of the window.
    pub seconds: f64,
    /// Transactions in committed blocks of the window.
    pub transactions: u64,
    /// From sending a transaction to first seeing its block committed.
    pub latency_ms: Latency,
    /// Signatures per second that all cores verify in batches, with nothing else to do.
    pub ed25519_batch_per_s: f64,
    /// `included_tps / ed25519_batch_per_s`.
    pub ratio: f64,
    /// The most memory (resident, in 10^6 bytes) that the node's process held in the window; `null`: its
    /// process is not known.
    pub rss_mb: Option<f64>,
    /// Growth of the database per transaction since the load began; of the own network what it takes on
    /// the disk after a clean stop, of a running one the length of its files.
    pub disk_bytes_per_tx: f64,
    /// Blocks of the window.
    pub blocks: u64,
    /// The network's time between blocks.
    pub block_time_ms: u64,
    /// Accounts that paid each other.
    pub accounts: usize,
    /// Connections that offered at the same time.
    pub connections: usize,
    /// Transfers per request.
    pub batch: usize,
    /// How long the load ran before the window could begin.
    pub warm_up_seconds: f64,
    /// Cores of this machine.
    pub cores: usize,
    /// Cores that the node's process kept busy in the window, on average; `null`: not known.
    pub node_cores: Option<f64>,
    /// Cores that the load generator kept busy in the window, on average; `null`: not known.
    pub generator_cores: Option<f64>,
    /// Whether the network was made for the measurement.
    pub own_network: bool,
    /// What should be known beside the figures.
    pub notes: Vec<String>,
}

/// `value` with so many digits after the point.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// What distorts the figures on this machine.
pub(super) fn notes_on_machine(cores: usize, load_before: Option<f64>, in_memory: bool) -> Vec<String> {
    let mut notes = vec![format!(
        "the load generator shared this machine's {cores} cores with the node, if it runs here"
    )];
    if cfg!(debug_assertions) {
        notes.push("this is a debug build: use `cargo run --release`".to_owned());
    }
    if let Some(load) = load_before.filter(|load| *load > cores as f64 / 2.0) {
        notes.push(format!(
            "other programs kept the machine busy (load average {load:.1} on {cores} cores before the start): all \
             rates are too low, and so is the signature limit"
        ));
    }
    if in_memory {
        notes.push("the database was kept in memory (tmpfs), where durable writes cost nothing: give --keep a directory on a disk".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_mentioned() {
        let about_load = |load| {
            notes_on_machine(2, load, false)
                .iter()
                .any(|note| note.contains("load average"))
        };
        assert!(about_load(Some(15.6)));
        assert!(!about_load(Some(0.4)) && !about_load(None));
        assert!(
            notes_on_machine(2, None, true)
                .iter()
                .any(|note| note.contains("tmpfs"))
        );
    }

    #[test]
    fn figures_are_rounded() {
        assert_eq!(
            (round(1_234.567, 1), round(0.123_456, 4), round(9.5, 0)),
            (1_234.6, 0.123_5, 10.0)
        );
    }
}
