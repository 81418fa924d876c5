//! `contract sandbox`: a chain for tests, over lines of JSON.

use std::io;

use clap::Args;

use crate::{
    cli::failure::{Exit, Failure},
    sandbox::{DEFAULT_TIME_MS, Setup, door::Door},
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    echo '{\"do\": \"account\", \"name\": \"alice\", \"balance\": 1000}' | aureon-node contract sandbox\n\n\
    A network of one authority in memory, with the node's own execution and machine; nothing is listened to and \
    nothing stored. Each line of standard input is a request, each line of standard output its answer, \
    {\"ok\": ..} or {\"error\": \"..\"}; it ends with its input. The requests: docs/contract-testing.md. For tests in \
    Rust there is aureon::sandbox in the SDK.")]
pub struct Sandbox {
    /// The time at the start, in milliseconds since 1970; blocks add to it
    #[arg(long, value_name = "MS", default_value_t = DEFAULT_TIME_MS)]
    time: u64,
    /// Milliseconds from one block to the next
    #[arg(long, value_name = "MS", default_value_t = Setup::default().block_time_ms)]
    block_time: u64,
    /// Least base units per unit of gas; with 0 transactions cost gas and no money
    #[arg(long, default_value_t = Setup::default().gas_price)]
    gas_price: u64,
    /// Most gas of a block
    #[arg(long, default_value_t = Setup::default().gas_limit)]
    gas_limit: u64,
}

pub fn run(arguments: &Sandbox) -> Result<(), Failure> {
    let setup = Setup {
        time_ms: arguments.time,
        block_time_ms: arguments.block_time,
        gas_price: arguments.gas_price,
        gas_limit: arguments.gas_limit,
    };
    let mut door = Door::new(&setup).map_err(Failure::failed)?;
    door.serve(io::stdin().lock(), io::stdout().lock())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::Quiet, error),
            _ => Failure::failed(format!("the pipe failed: {error}")),
        })
}
