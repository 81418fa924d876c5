//! The handlers of everything that is only read.

use aureon_types::{Address, Block, BlockId, TransactionId};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};

use super::{
    Answer, Api,
    decoded::Decoder,
    model::{BalanceView, BlockView, Head, Health, ReceiptView, TransactionState, TransactionView},
    problem::Problem,
    staking::EvidenceView,
    status,
    transaction::JsonTransaction,
    views,
};
use crate::handle::{NodeHandle, ReadError, TransactionStatus};

/// Code of a node that is not well.
const UNWELL: &str = "stalled";

/// A part of the path, as it was given.
pub(super) type Text = Result<Path<String>, PathRejection>;

pub(super) fn text(path: Text) -> Result<String, Problem> {
    match path {
        Ok(Path(text)) => Ok(text),
        Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
    }
}

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::bad_request(error.to_string()))
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::internal(&error)
    }
}

pub async fn head(State(api): State<Api>) -> Answer {
    let head = api.node.head();
    views::answer(&Head {
        height: head.height,
        id: head.id,
        timestamp_ms: head.timestamp_ms,
        chain: api.node.genesis().chain.clone(),
        genesis_id: api.node.genesis_id(),
        final_height: api.node.final_height(),
        work: status::work(&api.node),
    })
}

pub async fn block(State(api): State<Api>, path: Text) -> Answer {
    let text = text(path)?;
    if text.starts_with("0x") {
        let id: BlockId = parsed(&text)?;
        return api.read(move |node| block_by_id(node, &id)).await;
    }
    let height = match text.as_str() {
        "head" => api.node.head().height,
        digits => digits.parse().map_err(|_| {
            Problem::bad_request(format!(
                "\"{digits}\" names no block: give a height, an id (0x and 64 hexadecimal digits) or \"head\""
            ))
        })?,
    };
    api.read(move |node| block_by_height(node, height)).await
}

fn block_by_height(node: &NodeHandle, height: u64) -> Answer {
    let head = node.head().height;
    match node.block_at(height)? {
        Some(block) => block_answer(node, &block, true),
        None if height == 0 => Err(Problem::not_found(
            "height 0 is the genesis, which is no block: see /genesis; the first block has height 1",
        )
        .with("head", head)),
        None if height > head => Err(Problem::not_found(format!(
            "there is no block {height} yet: the head is {head}"
        ))
        .with("head", head)),
        None => {
            Err(Problem::not_found(format!("block {height} is not kept by this node")).with("head", head))
        }
    }
}

fn block_by_id(node: &NodeHandle, id: &BlockId) -> Answer {
    match node.block(id)? {
        Some((block, decided)) => block_answer(node, &block, decided),
        None => Err(Problem::not_found(format!("this node has no block {id}"))),
    }
}

fn block_answer(node: &NodeHandle, block: &Block, decided: bool) -> Answer {
    let certificate = if decided {
        node.certificate(block.header().height)?
    } else {
        None
    };
    let is_final = decided && node.is_final(block.header().height);
    views::answer(&BlockView::of(block, decided, is_final, certificate.as_ref()))
}

pub async fn transaction(State(api): State<Api>, path: Text) -> Answer {
    let id: TransactionId = parsed(&text(path)?)?;
    let waiting = api.node.pending(id).await;
    let interfaces = api.interfaces.clone();
    // Read after the pool: a transaction that leaves the pool for a block in between is found there.
    api.read(move |node| {
        let found = node.included(&id)?.or(waiting.map(TransactionStatus::Pending));
        let decoder = Decoder::new(node, &interfaces);
        match found {
            Some(status) => views::answer(&transaction_view(node, decoder, id, status)?),
            None => Err(Problem::not_found(format!(
                "transaction {id} is neither in a block nor in this node's mempool; it may have been dropped \
                 there (expired, or displaced by dearer ones): submit it again"
            ))),
        }
    })
    .await
}

fn transaction_view(
    node: &NodeHandle,
    mut decoder: Decoder<'_>,
    id: TransactionId,
    status: TransactionStatus,
) -> Result<TransactionView, ReadError> {
    Ok(match status {
        TransactionStatus::Pending(transaction) => TransactionView {
            id,
            status: TransactionState::Pending,
            transaction: JsonTransaction::of(transaction.signed()),
            called: decoder.action(&transaction.transaction().action),
            height: None,
            index: None,
            block_id: None,
            receipt: None,
        },
        TransactionStatus::Included {
            height,
            index,
            transaction,
            receipt,
        } => {
            let action = &transaction.transaction().action;
            let mut receipt = ReceiptView::of(&receipt);
            decoder.receipt(action, &mut receipt);
            TransactionView {
                id,
                status: TransactionState::Included,
                transaction: JsonTransaction::of(&transaction),
                called: decoder.action(action),
                height: Some(height),
                index: Some(index),
                block_id: node.header_at(height)?.map(|header| header.id()),
                receipt: Some(receipt),
            }
        }
    })
}

pub async fn balance(State(api): State<Api>, path: Text) -> Answer {
    let address: Address = parsed(&text(path)?)?;
    api.read(move |node| {
        let at = node.account(&address)?;
        views::answer(&BalanceView {
            address,
            balance: at.account.balance,
            nonce: at.account.nonce,
            height: at.height,
            pending: views::pending(node.mempool().nonces(&address), at.account.nonce),
        })
    })
    .await
}

pub async fn mempool(State(api): State<Api>) -> Answer {
    views::answer(&views::mempool(&api.node.mempool()))
}

pub async fn status(State(api): State<Api>) -> Answer {
    let uptime = api.started.elapsed();
    if status::reads_the_state(&api.node) {
        return api
            .read(move |node| views::answer(&status::view(node, uptime)))
            .await;
    }
    // At once, however busy the disk is.
    views::answer(&status::view(&api.node, uptime))
}

pub async fn evidence(State(api): State<Api>) -> Answer {
    let evidence: Vec<EvidenceView> = api.node.status().evidence.iter().map(EvidenceView::of).collect();
    views::answer(&evidence)
}

pub async fn peers(State(api): State<Api>) -> Answer {
    views::answer(&views::peers(&api.node.network()))
}

pub async fn genesis(State(api): State<Api>) -> Answer {
    Ok(views::json(api.node.genesis().to_json()))
}

pub async fn health(State(api): State<Api>) -> Answer {
    let height = api.node.head().height;
    match status::unwell(&api.node, api.started.elapsed()) {
        None => views::answer(&Health {
            status: "ok".to_owned(),
            height,
        }),
        Some(reason) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, UNWELL, reason).with("height", height))
        }
    }
}
