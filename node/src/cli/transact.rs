//! What every command that signs a transaction has in common: the flags, the signature, the way to the
//! node, the wait for a block, and how the outcome is shown.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use aureon_types::{Action, Address, Genesis, GenesisId, SecretKey, SignedTransaction, Transaction};
use clap::Args;

use super::{
    NodeAddress,
    failure::{Exit, Failure},
    output, parse,
};
use crate::{
    api::{
        action::JsonAction,
        contract::{EstimateRequest, EventView, readable},
        hex_bytes::HexBytes,
        model::{ReceiptView, SubmitOutcome, TransactionState, TransactionView},
        roomy,
    },
    client::Client,
    config::directory,
};

/// Between two looks at a transaction that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The flags of a command that signs.
#[derive(Clone, Debug, Args)]
pub struct Signing {
    /// Key file of the sender
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Nonce; without it the node says which is next
    #[arg(long)]
    nonce: Option<u64>,
    /// Most gas; without it what the action uses, for a contract as the node estimates it, and a quarter more
    #[arg(long)]
    gas_limit: Option<u64>,
    /// Base units per unit of gas; without it the least that the network takes
    #[arg(long)]
    gas_price: Option<u64>,
    /// Last height at which it may be included
    #[arg(long, value_name = "HEIGHT")]
    last_valid_height: Option<u64>,
    /// Refuse to sign for any other network than this
    #[arg(long, value_name = "ID")]
    genesis_id: Option<GenesisId>,
    /// Wait until it is in a block, at most so long
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A sender, and the network that it sends to.
pub struct Session<'a> {
    arguments: &'a Signing,
    key: SecretKey,
    client: Client,
    genesis: Genesis,
}

impl Signing {
    /// Reads the key and asks the node which network it belongs to. Nothing is signed yet.
    pub fn session(&self) -> Result<Session<'_>, Failure> {
        let key = directory::read_key(&self.key)?;
        let client = self.node.client();
        let genesis = client.genesis()?;
        let given = genesis.id();
        match self.genesis_id {
            Some(expected) if expected != given => Err(Failure::failed(format!(
                "{} belongs to the network {given}, expected {expected}: nothing was signed",
                self.node.node
            ))),
            _ => Ok(Session {
                arguments: self,
                key,
                client,
                genesis,
            }),
        }
    }

    /// As [`Signing::session`]; refuses a network with another engine than `engine`, where the action
    /// could only fail.
    pub fn session_under(&self, engine: &str) -> Result<Session<'_>, Failure> {
        let session = self.session()?;
        let given = session.genesis.engine.name();
        if given == engine {
            return Ok(session);
        }
        Err(Failure::failed(format!(
            "{} runs a network with the engine \"{given}\", this is for \"{engine}\": nothing was signed",
            self.node.node
        )))
    }
}

impl Session<'_> {
    /// The sender.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// The node.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Signs `action`, submits it, waits if that was asked for, and shows what came of it.
    pub fn send(&self, action: Action) -> Result<(), Failure> {
        let signed = self.sign(action)?;
        let outcome = match signed.transaction().action {
            Action::Deploy { .. } => self.client.deploy_contract(&signed)?.outcome,
            Action::Call { .. } => self.client.call_contract(&signed)?.outcome,
            _ => self.client.submit(&signed)?,
        };
        match self.arguments.wait {
            None => print_outcome(&outcome, &signed, self.arguments.json),
            Some(patience) => self.wait(&signed, patience),
        }
    }

    fn sign(&self, action: Action) -> Result<SignedTransaction, Failure> {
        let nonce = match self.arguments.nonce {
            Some(nonce) => nonce,
            None => self.client.balance(&self.address())?.pending.next_nonce,
        };
        let gas_limit = match self.arguments.gas_limit {
            Some(limit) => limit,
            None => self.gas_limit(&action)?,
        };
        let genesis_id = self.genesis.id();
        let transaction = Transaction {
            network: genesis_id.network_hint(),
            public_key: self.key.public_key(),
            nonce,
            gas_limit,
            gas_price: self.arguments.gas_price.unwrap_or(self.genesis.min_gas_price),
            last_valid_height: self.arguments.last_valid_height,
            action,
        };
        Ok(transaction.sign(&self.key, &genesis_id))
    }

    /// What `action` uses. A contract is tried at the node first: what would fail now is not sent.
    fn gas_limit(&self, action: &Action) -> Result<u64, Failure> {
        if !action.is_contract() {
            return Ok(action.gas());
        }
        let request = EstimateRequest {
            from: self.address(),
            to: None,
            amount: None,
            action: JsonAction::of(action),
        };
        let estimate = self.client.estimate_gas(&request).map_err(|error| {
            let exit = Failure::exit_of(&error);
            Failure::new(
                exit,
                format!("{error}. Nothing was sent; with --gas-limit it is sent all the same"),
            )
        })?;
        Ok(roomy(estimate.gas_limit, self.genesis.gas_limit))
    }

    fn wait(&self, signed: &SignedTransaction, patience: Duration) -> Result<(), Failure> {
        let id = signed.id();
        let deadline = Instant::now() + patience;
        loop {
            match self.client.transaction(&id)? {
                Some(view) if view.status == TransactionState::Included => {
                    return print_view(&view, self.arguments.json);
                }
                // A node that does not know it yet, or has it waiting.
                _ if Instant::now() >= deadline => {
                    return Err(Failure::failed(format!(
                        "transaction {id} is not in a block after {} s; `aureon-node tx show {id}` tells later",
                        patience.as_secs_f32()
                    )));
                }
                _ => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }
}

fn print_outcome(outcome: &SubmitOutcome, signed: &SignedTransaction, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(outcome);
    }
    output::line(signed.id())?;
    match outcome.waits_for_nonce {
        Some(nonce) => output::remark(format!(
            "it has nonce {} and is parked until the sender's nonce {nonce} arrives",
            signed.transaction().nonce
        )),
        None => output::remark("it waits for a block; `aureon-node tx show` tells when it is in one"),
    }
    Ok(())
}

/// Shows a transaction. One that failed in its block ends with an exit code of its own.
pub fn print_view(view: &TransactionView, json: bool) -> Result<(), Failure> {
    if json {
        output::json(view)?;
    } else {
        print_lines(view)?;
    }
    match view.receipt.as_ref().and_then(|receipt| receipt.failure.as_ref()) {
        Some(reason) => Err(Failure::new(
            Exit::Rejected,
            format!("the transaction failed: {reason}"),
        )),
        None => Ok(()),
    }
}

fn print_lines(view: &TransactionView) -> Result<(), Failure> {
    let transaction = &view.transaction;
    output::line(format!("id        {}", view.id))?;
    output::line(format!(
        "from      {}, nonce {}",
        transaction.from, transaction.nonce
    ))?;
    if let Some(to) = transaction.to {
        output::line(format!("to        {to}"))?;
    }
    if let Some(amount) = transaction.amount {
        output::line(format!("amount    {amount} base units"))?;
    }
    if let Some(action) = &transaction.action {
        output::line(format!("does      {}", in_one_line(action)?))?;
    }
    if let Some(called) = &view.called {
        output::line(format!("calls     {} {}", called.function, called.arguments))?;
    }
    match (view.height, view.index, &view.block_id) {
        (Some(height), Some(index), Some(id)) => {
            output::line(format!("included  in block {height} ({id}), place {index}"))?;
        }
        _ => output::line("pending   it waits for a block in this node's mempool")?,
    }
    match &view.receipt {
        Some(receipt) => print_receipt(receipt),
        None => Ok(()),
    }
}

/// An action for people: code is told by its length.
fn in_one_line(action: &JsonAction) -> Result<String, Failure> {
    let mut json = serde_json::to_value(action).map_err(Failure::failed)?;
    if let JsonAction::Deploy { code, .. } | JsonAction::Upgrade { code, .. } = action
        && let Some(fields) = json.get_mut(action.name())
    {
        fields["code"] = format!("{} bytes", code.0.len()).into();
    }
    serde_json::to_string(&json).map_err(Failure::failed)
}

fn print_receipt(receipt: &ReceiptView) -> Result<(), Failure> {
    output::line(format!(
        "result    {}; fee {} base units for {} gas",
        if receipt.success { "done" } else { "failed" },
        receipt.fee,
        receipt.gas_used
    ))?;
    if let Some(contract) = receipt.contract {
        output::line(format!("contract  {contract}"))?;
    }
    match &receipt.result {
        Some(result) => output::line(format!("returned  {}", plain(result)))?,
        None if receipt.return_data.0.is_empty() => {}
        None => output::line(format!("returned  {}", shown(&receipt.return_data)))?,
    }
    receipt.events.iter().try_for_each(print_event)
}

fn print_event(event: &EventView) -> Result<(), Failure> {
    let topic = match (&event.fields, &event.name) {
        (Some(_), Some(name)) => name.clone(),
        _ => shown(&event.topic),
    };
    let data = match &event.fields {
        Some(fields) => fields.to_string(),
        None => event.data.to_string(),
    };
    output::line(format!("event     {topic} from {}: {data}", event.contract))
}

/// A decoded value: a string as it is, everything else as JSON.
pub fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Bytes, as text where they are some.
pub fn shown(bytes: &HexBytes) -> String {
    match readable(&bytes.0) {
        Some(text) => format!("{bytes} (\"{text}\")"),
        None => bytes.to_string(),
    }
}
