//! The edge: which messages are worth the check of their signatures.
//!
//! Runs on the loop before a message goes to a worker; costs look-ups only. Nothing is believed here:
//! a message that is admitted may still be forged, so nothing is remembered of it either.

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Check its signatures ([`crate::verify()`]) and hand it over.
    Verify,
    /// Do no more with it. Not the sender's fault: gossip *ignores* it ([`DropReason::Repeated`] apart).
    Drop(DropReason),
}

/// Why a message is dropped: at the edge, before its signatures are looked at, or for what a worker saw
/// ([`crate::Fault::reason`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// It is about a height that is decided here. The sender is behind; our status tells it.
    Old,
    /// It is about a height beyond the next few. We are behind: ask the sender for its status.
    TooFarAhead,
    /// It is about a height whose validators are fixed by a block that is not here yet. We are behind: ask
    /// the sender for its status.
    UnknownValidators,
    /// It is more than ten rounds ahead, further than votes are counted. Round certificates lead there.
    RoundTooFarAhead,
    /// Exactly this message, signature and all, was verified before: its sender repeats it for those who
    /// missed it. Gossip *accepts* it, so that it travels on to them.
    Repeated,
    /// What it says is known already, or something newer of the same validator is.
    Duplicate,
    /// A header whose parent is not here: header sync finds the way to it.
    UnknownParent,
    /// A header that breaks a rule which needs no hash to see. The sender's fault.
    InvalidHeader,
    /// A header of a block that was executed here and found invalid, or on top of one. Not the sender's
    /// fault: headers are passed on before their blocks are executed.
    OnInvalid,
    /// A header of a branch that leaves the chain below its final block: another history.
    TooDeep,
    /// As many headers wait as are kept, and this one is on a lighter branch than all of them.
    Full,
    /// A round's proposer signed more proposals than the two that prove its fault.
    TooManyProposals,
    /// A message of another engine than this network's. The sender's fault.
    OtherEngine,
    /// Its bytes are no message. The sender's fault.
    Malformed,
    /// Its signer is no validator of its height. The sender's fault.
    UnknownSigner,
    /// A signature does not verify. The sender's fault.
    BadSignature,
    /// A proposal of somebody whose turn it is not, or that contradicts itself. The sender's fault.
    BadProposal,
    /// A certificate that does not hold. The sender's fault.
    BadCertificate,
    /// The engine has halted.
    Halted,
}

impl DropReason {
    /// Whether no honest node would have sent it.
    pub fn is_fault(self) -> bool {
        match self {
            Self::InvalidHeader
            | Self::OtherEngine
            | Self::Malformed
            | Self::UnknownSigner
            | Self::BadSignature
            | Self::BadProposal
            | Self::BadCertificate => true,
            Self::Old
            | Self::TooFarAhead
            | Self::UnknownValidators
            | Self::RoundTooFarAhead
            | Self::Repeated
            | Self::Duplicate
            | Self::UnknownParent
            | Self::OnInvalid
            | Self::TooDeep
            | Self::Full
            | Self::TooManyProposals
            | Self::Halted => false,
        }
    }
}

/// How many messages were dropped, by reason. For metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// See [`DropReason::Old`].
    pub old: u64,
    /// See [`DropReason::TooFarAhead`].
    pub too_far_ahead: u64,
    /// See [`DropReason::UnknownValidators`].
    pub unknown_validators: u64,
    /// See [`DropReason::RoundTooFarAhead`].
    pub round_too_far_ahead: u64,
    /// See [`DropReason::Repeated`].
    pub repeated: u64,
    /// See [`DropReason::Duplicate`].
    pub duplicate: u64,
    /// See [`DropReason::UnknownParent`].
    pub unknown_parent: u64,
    /// See [`DropReason::InvalidHeader`].
    pub invalid_header: u64,
    /// See [`DropReason::OnInvalid`].
    pub on_invalid: u64,
    /// See [`DropReason::TooDeep`].
    pub too_deep: u64,
    /// See [`DropReason::Full`].
    pub full: u64,
    /// See [`DropReason::TooManyProposals`].
    pub too_many_proposals: u64,
    /// See [`DropReason::OtherEngine`].
    pub other_engine: u64,
    /// See [`DropReason::Malformed`].
    pub malformed: u64,
    /// See [`DropReason::UnknownSigner`].
    pub unknown_signer: u64,
    /// See [`DropReason::BadSignature`].
    pub bad_signature: u64,
    /// See [`DropReason::BadProposal`].
    pub bad_proposal: u64,
    /// See [`DropReason::BadCertificate`].
    pub bad_certificate: u64,
    /// See [`DropReason::Halted`].
    pub halted: u64,
}

impl Drops {
    /// Every count with its name, for JSON and metrics.
    pub fn named(&self) -> [(&'static str, u64); 19] {
        [
            ("old", self.old),
            ("too_far_ahead", self.too_far_ahead),
            ("unknown_validators", self.unknown_validators),
            ("round_too_far_ahead", self.round_too_far_ahead),
            ("repeated", self.repeated),
            ("duplicate", self.duplicate),
            ("unknown_parent", self.unknown_parent),
            ("invalid_header", self.invalid_header),
            ("on_invalid", self.on_invalid),
            ("too_deep", self.too_deep),
            ("full", self.full),
            ("too_many_proposals", self.too_many_proposals),
            ("other_engine", self.other_engine),
            ("malformed", self.malformed),
            ("unknown_signer", self.unknown_signer),
            ("bad_signature", self.bad_signature),
            ("bad_proposal", self.bad_proposal),
            ("bad_certificate", self.bad_certificate),
            ("halted", self.halted),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.named()
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Counts one.
    pub fn count(&mut self, reason: DropReason) {
        let counter = match reason {
            DropReason::Old => &mut self.old,
            DropReason::TooFarAhead => &mut self.too_far_ahead,
            DropReason::UnknownValidators => &mut self.unknown_validators,
            DropReason::RoundTooFarAhead => &mut self.round_too_far_ahead,
            DropReason::Repeated => &mut self.repeated,
            DropReason::Duplicate => &mut self.duplicate,
            DropReason::UnknownParent => &mut self.unknown_parent,
            DropReason::InvalidHeader => &mut self.invalid_header,
            DropReason::OnInvalid => &mut self.on_invalid,
            DropReason::TooDeep => &mut self.too_deep,
            DropReason::Full => &mut self.full,
            DropReason::TooManyProposals => &mut self.too_many_proposals,
            DropReason::OtherEngine => &mut self.other_engine,
            DropReason::Malformed => &mut self.malformed,
            DropReason::UnknownSigner => &mut self.unknown_signer,
            DropReason::BadSignature => &mut self.bad_signature,
            DropReason::BadProposal => &mut self.bad_proposal,
            DropReason::BadCertificate => &mut self.bad_certificate,
            DropReason::Halted => &mut self.halted,
        };
        *counter = counter.saturating_add(1);
    }
}
