//! `evidence submit`: anybody may prove that a validator contradicted itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aureon_types::{Action, Evidence, limits::MAX_TRANSACTION_BYTES};
use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    output,
    transact::Signing,
};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node evidence submit evidence.hex --key alice.key")]
pub enum Command {
    /// Submit a proof that a validator signed two messages that contradict each other
    Submit(Submit),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node evidence submit evidence.hex --key alice.key --wait 1m\n\n\
    The file holds an aureon.v1.Evidence message, as bytes or as 0x and hexadecimal digits; `GET /evidence` \
    of a node shows what it has seen. Validators submit what they see by themselves: this is for evidence that \
    reached only you. The fee is yours, and nothing is paid for it."
)]
pub struct Submit {
    /// The evidence
    file: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    let Command::Submit(arguments) = command;
    let evidence = read(&arguments.file)?;
    output::remark(format!(
        "{} is accused of contradicting itself at height {}, round {}",
        evidence.offender(),
        evidence.height(),
        evidence.round()
    ));
    arguments
        .signing
        .session()?
        .send(Action::Evidence(Box::new(evidence)))
}

fn read(path: &Path) -> Result<Evidence, Failure> {
    let failed = |reason: String| Failure::failed(format!("{}: {reason}", path.display()));
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, format!("{} does not exist", path.display()))
        }
        _ => failed(error.to_string()),
    };
    let limit = MAX_TRANSACTION_BYTES.saturating_mul(3);
    let size = fs::metadata(path).map_err(io)?.len();
    if size > limit as u64 {
        return Err(failed(format!("it has {size} bytes, which no evidence has")));
    }
    decode(&fs::read(path).map_err(io)?).map_err(failed)
}

fn decode(content: &[u8]) -> Result<Evidence, String> {
    let bytes = match std::str::from_utf8(content).map(str::trim) {
        Ok(text) if text.starts_with("0x") => hex::decode(text.trim_start_matches("0x"))
            .map_err(|error| format!("it begins like hexadecimal digits and is none: {error}"))?,
        _ => content.to_vec(),
    };
    Evidence::decode(&bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use aureon_types::{BlockId, GenesisId, SecretKey, SignedVote, Vote, VoteKind};

    use super::*;

    #[test]
    fn evidence_is_read_as_bytes_and_as_digits() {
        let vote = |block| Vote {
            kind: VoteKind::Prevote,
            height: 3,
            round: 0,
            block_id: Some(BlockId([block; 32])),
        };
        let sign = |vote| SignedVote::sign(vote, &SecretKey::from_seed([1; 32]), &GenesisId([2; 32]));
        let evidence = Evidence::Votes(sign(vote(1)), sign(vote(2)));
        let bytes = evidence.encode();
        assert_eq!(decode(&bytes), Ok(evidence.clone()));
        assert_eq!(
            decode(format!("0x{}\n", hex::encode(&bytes)).as_bytes()),
            Ok(evidence)
        );
        assert!(decode(b"0xzz").unwrap_err().contains("hexadecimal"));
        assert!(decode(b"hello").is_err());
    }
}
