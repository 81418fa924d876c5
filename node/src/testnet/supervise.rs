//! Watching a running network: the live line, nodes that end, and Ctrl-C.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::signal::unix::{SignalKind, signal};

use super::{Network, Running, TestnetError, process};
use crate::{api::model::StatusView, client::Client};

/// How often the live line changes on a terminal.
const LINE: Duration = Duration::from_secs(1);
/// How often a line is written where the output is no terminal.
const PLAIN_LINE: Duration = Duration::from_secs(5);
/// How long one node may take to tell its status.
const LOOK: Duration = Duration::from_millis(800);
/// Between two looks at the stop flag and the processes.
const TICK: Duration = Duration::from_millis(100);
/// After so long without a new block the line says what the chain waits for.
const QUIET: Duration = Duration::from_secs(10);

/// Set by SIGINT, SIGTERM and SIGHUP.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Listens for the signals on a thread of its own, until the process ends.
    pub fn on_signals() -> Result<Self, TestnetError> {
        let failed = || TestnetError::io("listen for signals");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed())?;
        let mut signals = Vec::new();
        {
            let _context = runtime.enter();
            for kind in [
                SignalKind::interrupt(),
                SignalKind::terminate(),
                SignalKind::hangup(),
            ] {
                signals.push(signal(kind).map_err(failed())?);
            }
        }
        let flag = Self::default();
        let set = flag.clone();
        let listen = async move {
            let [interrupt, terminate, hangup] = &mut signals[..] else {
                return;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            set.0.store(true, Ordering::SeqCst);
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(listen))
            .map_err(failed())?;
        Ok(flag)
    }

    /// Whether one has come.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Watches until a stop signal comes or no node is left. Nodes that end are reported with the end of
/// their log; the others go on. `live_line`: whether stdout is for people.
pub fn supervise(running: &mut Running, stop: &StopFlag, live_line: bool) {
    let terminal = live_line && std::io::stdout().is_terminal();
    let interval = if terminal { LINE } else { PLAIN_LINE };
    let clients: Vec<Client> = running
        .nodes
        .iter()
        .map(|node| Client::with_timeout(&node.runtime.api, LOOK))
        .collect();
    let mut line = Line {
        terminal,
        height: 0,
        since: Instant::now(),
    };
    let mut next = Instant::now();
    let mut alive = vec![true; running.nodes.len()];
    while !stop.is_set() && alive.contains(&true) {
        report_ended(running, &mut alive, &line);
        if live_line && Instant::now() >= next {
            next = Instant::now() + interval;
            line.show(&statuses(&clients));
        }
        thread::sleep(TICK);
    }
    line.end();
}

fn report_ended(running: &mut Running, alive: &mut [bool], line: &Line) {
    for (node, alive) in running.nodes.iter_mut().zip(alive).filter(|(_, alive)| **alive) {
        let Ok(Some(status)) = node.child.try_wait() else {
            continue;
        };
        *alive = false;
        line.end();
        let dir = running.network.node_dir(node.index);
        remark(&format!(
            "{} ended ({status}); the others go on. Start it again with `aureon-node run --dir {}`. The end of its \
             log:\n{}",
            Network::name(node.index),
            dir.display(),
            process::log_tail(&dir)
        ));
    }
}

/// All nodes at once, so that a node that hangs does not delay the line.
fn statuses(clients: &[Client]) -> Vec<Option<StatusView>> {
    thread::scope(|scope| {
        let asked: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(|| client.status().ok()))
            .collect();
        asked
            .into_iter()
            .map(|thread| thread.join().ok().flatten())
            .collect()
    })
}

/// The live line.
struct Line {
    terminal: bool,
    height: u64,
    since: Instant,
}

impl Line {
    fn show(&mut self, statuses: &[Option<StatusView>]) {
        let text = self.text(statuses);
        let mut stdout = std::io::stdout();
        // The network goes on when nobody reads the line any more.
        let _ = if self.terminal {
            write!(stdout, "\r\x1b[2K{text}").and_then(|()| stdout.flush())
        } else {
            writeln!(stdout, "{text}")
        };
    }

    fn text(&mut self, statuses: &[Option<StatusView>]) -> String {
        let Some(best) = statuses.iter().flatten().max_by_key(|status| status.height) else {
            return "no node answers".to_owned();
        };
        if best.height != self.height {
            (self.height, self.since) = (best.height, Instant::now());
        }
        let up = statuses.iter().flatten().count();
        let peers: Vec<String> = statuses
            .iter()
            .map(|status| {
                status
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |status| status.peers.to_string())
            })
            .collect();
        let quiet = self.since.elapsed();
        let waiting = if quiet > QUIET {
            format!(
                " · no block for {} s: {}",
                quiet.as_secs(),
                best.consensus.waiting_for
            )
        } else {
            String::new()
        };
        format!(
            "height {} · head {} · nodes {up}/{} · peers {} · {:.1} tx/s{waiting}",
            best.height,
            best.head.short(),
            statuses.len(),
            peers.join(" "),
            best.transactions_per_second
        )
    }

    /// Leaves the line as it is and goes to the next.
    fn end(&self) {
        if self.terminal {
            let _ = writeln!(std::io::stdout());
        }
    }
}

fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
