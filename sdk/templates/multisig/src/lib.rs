//! A wallet of several owners, of whom some number must agree.
#![cfg_attr(not(test), no_std)]

/// A wallet of several owners, of whom some number must agree.
#[aureon::contract]
pub mod multisig {
    use aureon::prelude::*;

    /// More would make each proposal dear.
    pub const MAX_OWNERS: usize = 32;

    const OWNERS: Item<Owners> = Item::new("owners");
    const NEXT: Item<u64> = Item::new("next");
    const PROPOSALS: Map<u64, Proposal> = Map::new("proposals");

    /// Who decides.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Owners {
        pub members: Vec<Address>,
        /// How many must agree.
        pub threshold: u32,
        /// Counts the changes; proposals made under other owners are void.
        pub version: u32,
    }

    /// What is to be done.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Action {
        /// Pay an account.
        Pay { to: Address, amount: u64 },
        /// Call a contract with a value and an input.
        Call {
            contract: Address,
            value: u64,
            input: Vec<u8>,
        },
        /// Other owners, or another number that must agree.
        SetOwners { members: Vec<Address>, threshold: u32 },
    }

    /// An action that waits for agreement.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Proposal {
        pub action: Action,
        pub approvals: Vec<Address>,
        pub version: u32,
    }

    /// Somebody paid in.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Deposited {
        pub from: Address,
        pub amount: u64,
    }

    /// An owner proposed something, and agrees to it.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Proposed {
        pub id: u64,
        pub by: Address,
    }

    /// An owner agreed, or does not agree any more.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Decided {
        pub id: u64,
        pub by: Address,
        pub approves: bool,
    }

    /// It was done.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Executed {
        pub id: u64,
        pub by: Address,
    }

    /// Makes the wallet; a value that comes along is in it.
    #[init(payable)]
    fn create(members: Vec<Address>, threshold: u32) -> Result<()> {
        set_owners(members, threshold, 1)
    }

    /// Puts the value that comes along into the wallet.
    #[call(payable)]
    fn deposit() {
        emit(&Deposited {
            from: context::caller(),
            amount: context::value(),
        });
    }

    /// Proposes an action, agrees to it, and gives its number.
    #[call]
    fn propose(action: Action) -> Result<u64> {
        let (by, owners) = owner()?;
        if let Action::SetOwners { members, threshold } = &action {
            check_owners(members, *threshold)?;
        }
        let id = NEXT.get().unwrap_or(1);
        NEXT.set(&id.plus(1));
        PROPOSALS.set(
            &id,
            &Proposal {
                action,
                approvals: vec![by],
                version: owners.version,
            },
        );
        emit(&Proposed { id, by });
        Ok(id)
    }

    /// Agrees to a proposal.
    #[call]
    fn approve(id: u64) -> Result<()> {
        let (by, mut proposal) = open(id)?;
        ensure!(!proposal.approvals.contains(&by), "you have agreed already");
        proposal.approvals.push(by);
        PROPOSALS.set(&id, &proposal);
        emit(&Decided {
            id,
            by,
            approves: true,
        });
        Ok(())
    }

    /// Takes one's agreement back; without any, the proposal is gone.
    #[call]
    fn revoke(id: u64) -> Result<()> {
        let (by, mut proposal) = open(id)?;
        let before = proposal.approvals.len();
        proposal.approvals.retain(|member| *member != by);
        ensure!(proposal.approvals.len() < before, "you have not agreed");
        if proposal.approvals.is_empty() {
            PROPOSALS.remove(&id);
        } else {
            PROPOSALS.set(&id, &proposal);
        }
        emit(&Decided {
            id,
            by,
            approves: false,
        });
        Ok(())
    }

    /// Does what enough owners have agreed to, and gives what a called contract answered. If it fails, the
    /// proposal stays.
    #[call]
    fn execute(id: u64) -> Result<Vec<u8>> {
        let (by, proposal) = open(id)?;
        let (needed, have) = (OWNERS.load().threshold, proposal.approvals.len());
        ensure!(
            u32::try_from(have).is_ok_and(|have| have >= needed),
            u64::try_from(have).unwrap_or(u64::MAX),
            " agree, ",
            needed,
            " must"
        );
        // First forget, then act: a contract that calls back cannot have it done twice.
        PROPOSALS.remove(&id);
        let answer = act(proposal.action, proposal.version)?;
        emit(&Executed { id, by });
        Ok(answer)
    }

    /// Who decides.
    #[query]
    fn owners() -> Owners {
        OWNERS.load()
    }

    /// A proposal that waits.
    #[query]
    fn proposal(id: u64) -> Option<Proposal> {
        PROPOSALS.get(&id)
    }

    fn act(action: Action, version: u32) -> Result<Vec<u8>> {
        match action {
            Action::Pay { to, amount } => transfer(&to, amount)?,
            Action::Call {
                contract,
                value,
                input,
            } => {
                return Ok(context::call_raw(&contract, value, 0, &input)?);
            }
            Action::SetOwners { members, threshold } => set_owners(members, threshold, version.plus(1))?,
        }
        Ok(Vec::new())
    }

    fn owner() -> Result<(Address, Owners)> {
        let (by, owners) = (context::caller(), OWNERS.load());
        ensure!(
            owners.members.contains(&by),
            "only an owner of the wallet may do this"
        );
        Ok((by, owners))
    }

    fn open(id: u64) -> Result<(Address, Proposal)> {
        let (by, owners) = owner()?;
        let proposal = PROPOSALS
            .get(&id)
            .ok_or("there is no open proposal of this number")?;
        ensure!(
            proposal.version == owners.version,
            "the owners have changed since this was proposed"
        );
        Ok((by, proposal))
    }

    fn set_owners(members: Vec<Address>, threshold: u32, version: u32) -> Result<()> {
        check_owners(&members, threshold)?;
        OWNERS.set(&Owners {
            members,
            threshold,
            version,
        });
        Ok(())
    }

    fn check_owners(members: &[Address], threshold: u32) -> Result<()> {
        ensure!(
            !members.is_empty() && members.len() <= MAX_OWNERS,
            "a wallet has 1 to 32 owners"
        );
        ensure!(
            threshold >= 1 && usize::try_from(threshold).is_ok_and(|threshold| threshold <= members.len()),
            "between 1 and all owners must agree"
        );
        let double = members
            .iter()
            .enumerate()
            .any(|(index, member)| members.iter().skip(index + 1).any(|other| other == member));
        ensure!(!double, "an owner is named twice");
        Ok(())
    }
}

#[cfg(test)]
mod chain;
#[cfg(test)]
mod tests;
