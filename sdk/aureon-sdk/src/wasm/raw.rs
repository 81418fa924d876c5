//! The host functions as docs/contract-abi.md gives them.
#![expect(unsafe_code, reason = "the host is foreign code")]

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    pub fn balance(address: *const u8) -> u64;
    pub fn transfer(to: *const u8, amount: u64) -> i32;
    pub fn store(key: *const u8, key_length: usize, value: *const u8, length: usize);
    pub fn load(key: *const u8, key_length: usize, out: *mut u8, capacity: usize) -> i32;
    pub fn remove(key: *const u8, key_length: usize) -> i32;
    pub fn emit_log(topic: *const u8, topic_length: usize, data: *const u8, length: usize);
    pub fn caller(out: *mut u8);
    pub fn self_address(out: *mut u8);
    pub fn value() -> u64;
    pub fn input(out: *mut u8, capacity: usize) -> i32;
    pub fn output(data: *const u8, length: usize);
    pub fn block_height() -> u64;
    pub fn block_time() -> u64;
    pub fn chain_id(out: *mut u8);
    pub fn call(to: *const u8, input: *const u8, length: usize, value: u64, gas: u64) -> i32;
    pub fn query(of: *const u8, input: *const u8, length: usize, gas: u64) -> i32;
    pub fn call_result(out: *mut u8, capacity: usize) -> i32;
    pub fn sha256(data: *const u8, length: usize, out: *mut u8);
    pub fn blake3(data: *const u8, length: usize, out: *mut u8);
    pub fn keccak256(data: *const u8, length: usize, out: *mut u8);
    pub fn ed25519_verify(key: *const u8, message: *const u8, length: usize, signature: *const u8) -> i32;
    pub fn abort(message: *const u8, length: usize) -> !;
}
