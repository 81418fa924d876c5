//! The binary `aureon-node`. Everything is in the library, so that tests run what is shipped.

use std::process::ExitCode;

fn main() -> ExitCode {
    aureon_node::cli::main()
}
