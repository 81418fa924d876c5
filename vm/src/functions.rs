//! The host functions. `docs/contract-abi.md` tells what each does, costs and refuses.

use aureon_types::{Address, Amount, PublicKey, Signature, signature};
use sha2::Digest;
use wasmer::{Extern, Function, FunctionEnv, FunctionEnvMut, RuntimeError, Store};

use crate::{
    abi::{self, HostFunction},
    cost,
    env::{Env, Guest, Stop},
    host::{Entry, Nested, NestedFailure, NoTransfer, TrapKind},
    limits, nesting,
};

type Caller<'a> = FunctionEnvMut<'a, Env>;
type Answer<T> = Result<T, RuntimeError>;

/// The host functions of a module, in the order of its imports.
pub(crate) fn link(store: &mut Store, env: &FunctionEnv<Env>, imports: &[HostFunction]) -> Vec<Extern> {
    imports
        .iter()
        .map(|import| function(store, env, *import).into())
        .collect()
}

fn function(store: &mut Store, env: &FunctionEnv<Env>, which: HostFunction) -> Function {
    use HostFunction as H;
    match which {
        H::Balance => Function::new_typed_with_env(store, env, balance),
        H::Transfer => Function::new_typed_with_env(store, env, transfer),
        H::Store => Function::new_typed_with_env(store, env, store_value),
        H::Load => Function::new_typed_with_env(store, env, load),
        H::Remove => Function::new_typed_with_env(store, env, remove),
        H::EmitLog => Function::new_typed_with_env(store, env, emit_log),
        H::Caller => Function::new_typed_with_env(store, env, caller),
        H::SelfAddress => Function::new_typed_with_env(store, env, self_address),
        H::Value => Function::new_typed_with_env(store, env, value),
        H::Input => Function::new_typed_with_env(store, env, input),
        H::Output => Function::new_typed_with_env(store, env, output),
        H::BlockHeight => Function::new_typed_with_env(store, env, block_height),
        H::BlockTime => Function::new_typed_with_env(store, env, block_time),
        H::ChainId => Function::new_typed_with_env(store, env, chain_id),
        H::Call => Function::new_typed_with_env(store, env, call),
        H::Query => Function::new_typed_with_env(store, env, query),
        H::CallResult => Function::new_typed_with_env(store, env, call_result),
        H::Sha256 => Function::new_typed_with_env(store, env, sha256),
        H::Blake3 => Function::new_typed_with_env(store, env, blake3),
        H::Keccak256 => Function::new_typed_with_env(store, env, keccak256),
        H::Ed25519Verify => Function::new_typed_with_env(store, env, ed25519_verify),
        H::Abort => Function::new_typed_with_env(store, env, abort),
    }
}

/// A host function's body, with the way in paid.
fn enter<'a>(caller: &'a mut Caller<'_>) -> Answer<Guest<'a>> {
    let (env, store) = caller.data_and_store_mut();
    Ok(Guest::enter(env, store)?)
}

fn balance(mut caller: Caller<'_>, address: u32) -> Answer<u64> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::BALANCE)?;
    let address = Address(guest.read_array(address)?);
    Ok(guest.host().balance(&address)?.0)
}

fn transfer(mut caller: Caller<'_>, to: u32, amount: u64) -> Answer<i32> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::TRANSFER)?;
    let to = Address(guest.read_array(to)?);
    Ok(match guest.host().transfer(&to, Amount(amount))? {
        Ok(()) => 0,
        Err(NoTransfer::InsufficientBalance) => abi::INSUFFICIENT_BALANCE,
        Err(NoTransfer::RecipientRefused) => abi::RECIPIENT_REFUSED,
    })
}

/// A storage key: 1 to 256 bytes.
fn key(guest: &mut Guest<'_>, pointer: u32, length: u32) -> Answer<Vec<u8>> {
    if length == 0 {
        return Err(Stop::Trap(TrapKind::BadLength).into());
    }
    Ok(guest.read(pointer, length, limits::MAX_KEY_BYTES)?)
}

fn store_value(mut caller: Caller<'_>, key_at: u32, key_len: u32, at: u32, len: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::STORE)?;
    let key = key(&mut guest, key_at, key_len)?;
    let value = guest.read(at, len, limits::MAX_VALUE_BYTES)?;
    guest.charge_bytes(cost::STORE_BYTE, key.len() + value.len())?;
    // The deposit depends on what stood there. If it is not enough, the run ends and the write is undone.
    let (was, is) = (guest.host().store(&key, &value)?, value.len());
    let entry = if was.is_none() { cost::DEPOSIT_ENTRY } else { 0 };
    let was = was.unwrap_or(0);
    guest.charge(entry + cost::DEPOSIT_BYTE * is.saturating_sub(was) as u64)?;
    guest.env.refund += cost::DEPOSIT_BYTE * was.saturating_sub(is) as u64;
    Ok(())
}

fn load(mut caller: Caller<'_>, key_at: u32, key_len: u32, at: u32, capacity: u32) -> Answer<i32> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::LOAD)?;
    let key = key(&mut guest, key_at, key_len)?;
    guest.check(at, capacity)?;
    match guest.host().load(&key)? {
        Some(value) => {
            guest.charge_bytes(cost::LOAD_BYTE, value.len())?;
            Ok(guest.answer(at, capacity, &value)?)
        }
        None => Ok(abi::NOT_FOUND),
    }
}

fn remove(mut caller: Caller<'_>, key_at: u32, key_len: u32) -> Answer<i32> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::STORE)?;
    let key = key(&mut guest, key_at, key_len)?;
    guest.charge_bytes(cost::STORE_BYTE, key.len())?;
    match guest.host().remove(&key)? {
        Some(was) => {
            guest.env.refund += cost::DEPOSIT_ENTRY + cost::DEPOSIT_BYTE * was as u64;
            Ok(0)
        }
        None => Ok(abi::NOT_FOUND),
    }
}

fn emit_log(mut caller: Caller<'_>, topic: u32, topic_len: u32, data: u32, len: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::LOG)?;
    let topic = guest.read(topic, topic_len, limits::MAX_TOPIC_BYTES)?;
    let data = guest.read(data, len, limits::MAX_LOG_BYTES)?;
    guest.charge_bytes(cost::LOG_BYTE, topic.len() + data.len())?;
    Ok(guest.host().emit_log(&topic, &data)?)
}

fn caller(mut caller: Caller<'_>, at: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    let address = guest.env.context.caller;
    Ok(guest.write(at, address.as_bytes())?)
}

fn self_address(mut caller: Caller<'_>, at: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    let address = guest.env.context.contract;
    Ok(guest.write(at, address.as_bytes())?)
}

fn value(mut caller: Caller<'_>) -> Answer<u64> {
    Ok(enter(&mut caller)?.env.context.value.0)
}

fn input(mut caller: Caller<'_>, at: u32, capacity: u32) -> Answer<i32> {
    let mut guest = enter(&mut caller)?;
    let input = guest.env.input.clone();
    Ok(guest.answer(at, capacity, &input)?)
}

fn output(mut caller: Caller<'_>, at: u32, len: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    let output = guest.read(at, len, limits::MAX_OUTPUT_BYTES)?;
    guest.charge_bytes(cost::OUTPUT_BYTE, output.len())?;
    guest.env.output = output;
    Ok(())
}

fn block_height(mut caller: Caller<'_>) -> Answer<u64> {
    Ok(enter(&mut caller)?.env.context.height)
}

fn block_time(mut caller: Caller<'_>) -> Answer<u64> {
    Ok(enter(&mut caller)?.env.context.time_ms)
}

fn chain_id(mut caller: Caller<'_>, at: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    let chain = guest.env.context.chain;
    Ok(guest.write(at, chain.as_bytes())?)
}

fn call(mut caller: Caller<'_>, to: u32, at: u32, len: u32, value: u64, gas: u64) -> Answer<i32> {
    nested(&mut caller, Entry::Call, (to, at, len), Amount(value), gas)
}

fn query(mut caller: Caller<'_>, to: u32, at: u32, len: u32, gas: u64) -> Answer<i32> {
    nested(&mut caller, Entry::Query, (to, at, len), Amount::ZERO, gas)
}

fn nested(
    caller: &mut Caller<'_>,
    entry: Entry,
    (to, at, len): (u32, u32, u32),
    value: Amount,
    gas: u64,
) -> Answer<i32> {
    let mut guest = enter(caller)?;
    guest.charge(cost::CALL)?;
    let contract = Address(guest.read_array(to)?);
    let input = guest.read(at, len, limits::MAX_INPUT_BYTES)?;
    let gas = gas.min(guest.gas_left()?);
    let call = Nested {
        contract,
        entry,
        input: &input,
        value,
        gas,
    };
    // The host may answer without running anything.
    nesting::owe(0);
    let outcome = guest.host().call(&call)?;
    guest.charge(outcome.gas_used.saturating_add(nesting::owed()))?;
    let (code, answer) = match outcome.result {
        Ok(output) => (0, output),
        Err(NestedFailure::NotAContract) => (abi::NOT_A_CONTRACT, bytes::Bytes::new()),
        Err(NestedFailure::DepthExceeded) => (abi::DEPTH_EXCEEDED, bytes::Bytes::new()),
        Err(NestedFailure::InsufficientBalance) => (abi::INSUFFICIENT_BALANCE, bytes::Bytes::new()),
        Err(NestedFailure::Failed(why)) => (abi::CALL_FAILED, why),
    };
    guest.env.answer = answer;
    Ok(code)
}

fn call_result(mut caller: Caller<'_>, at: u32, capacity: u32) -> Answer<i32> {
    let mut guest = enter(&mut caller)?;
    let answer = guest.env.answer.clone();
    Ok(guest.answer(at, capacity, &answer)?)
}

fn sha256(mut caller: Caller<'_>, at: u32, len: u32, out: u32) -> Answer<()> {
    digest(
        &mut caller,
        (at, len, out),
        (cost::SHA256, cost::SHA256_BYTE),
        |bytes| sha2::Sha256::digest(bytes).into(),
    )
}

fn blake3(mut caller: Caller<'_>, at: u32, len: u32, out: u32) -> Answer<()> {
    digest(
        &mut caller,
        (at, len, out),
        (cost::BLAKE3, cost::BLAKE3_BYTE),
        |bytes| *::blake3::hash(bytes).as_bytes(),
    )
}

fn keccak256(mut caller: Caller<'_>, at: u32, len: u32, out: u32) -> Answer<()> {
    digest(
        &mut caller,
        (at, len, out),
        (cost::KECCAK256, cost::KECCAK256_BYTE),
        aureon_types::hash::keccak256,
    )
}

/// Hashes `len` bytes at `at` into 32 bytes at `out`. The copy is never longer than the memory, and paid for.
fn digest(
    caller: &mut Caller<'_>,
    (at, len, out): (u32, u32, u32),
    (base, unit): (u64, u64),
    hash: impl Fn(&[u8]) -> [u8; 32],
) -> Answer<()> {
    let mut guest = enter(caller)?;
    guest.charge(base)?;
    guest.charge_bytes(unit, len as usize)?;
    guest.check(at, len)?;
    guest.check(out, 32)?;
    let bytes = guest.read(at, len, len as usize)?;
    Ok(guest.write(out, &hash(&bytes))?)
}

fn ed25519_verify(mut caller: Caller<'_>, key: u32, message: u32, len: u32, proof: u32) -> Answer<i32> {
    let mut guest = enter(&mut caller)?;
    guest.charge(cost::ED25519)?;
    guest.charge_bytes(cost::ED25519_BYTE, len as usize)?;
    guest.check(message, len)?;
    let key = PublicKey(guest.read_array(key)?);
    let proof = Signature(guest.read_array(proof)?);
    let message = guest.read(message, len, len as usize)?;
    Ok(i32::from(signature::verify(&key, &proof, &message)))
}

fn abort(mut caller: Caller<'_>, at: u32, len: u32) -> Answer<()> {
    let mut guest = enter(&mut caller)?;
    guest.check(at, len)?;
    let most = u32::try_from(limits::MAX_ABORT_BYTES).unwrap_or(u32::MAX);
    let message = guest.read(at, len.min(most), limits::MAX_ABORT_BYTES)?;
    guest.charge_bytes(cost::ABORT_BYTE, message.len())?;
    Err(Stop::Abort(String::from_utf8_lossy(&message).into_owned()).into())
}
