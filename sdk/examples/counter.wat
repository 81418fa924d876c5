;; A counter in plain WebAssembly text: the machine's interface is not Rust's.
;;
;; It follows docs/contract-interface.md, so that it is called by name like any other:
;;   contract call 0x.. add --by 5
;;   contract query 0x.. total
;; Numbers in memory are little-endian, as wasm and the encoding both have it.
(module
  (import "env" "input" (func $input (param i32 i32) (result i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "env" "store" (func $store (param i32 i32 i32 i32)))
  (import "env" "emit_log" (func $emit_log (param i32 i32 i32 i32)))
  (import "env" "abort" (func $abort (param i32 i32)))

  (memory (export "memory") 1)

  ;; The storage key: the length of the name, the name.
  (data (i32.const 0) "\05total")
  (data (i32.const 16) "Added")
  (data (i32.const 32) "the contract has `add` to be called and `total` to be asked")
  (data (i32.const 96) "the total is too large")
  ;; 256: the input, at most 32 bytes of it. 320: the total.

  (func $refuse
    (call $abort (i32.const 32) (i32.const 59))
    unreachable)

  ;; Puts the total to 320, where a total that was never stored is 0.
  (func $read_total
    (drop (call $load (i32.const 0) (i32.const 6) (i32.const 320) (i32.const 8))))

  ;; add(by: u64) -> u64. The input: 3 as u32, "add", by.
  (func (export "call")
    (local $total i64)
    (if (i32.ne (call $input (i32.const 256) (i32.const 32)) (i32.const 15)) (then (call $refuse)))
    (if (i32.ne (i32.load (i32.const 256)) (i32.const 3)) (then (call $refuse)))
    ;; One byte of the length and "add".
    (if (i32.ne (i32.load (i32.const 259)) (i32.const 0x64646100)) (then (call $refuse)))
    (call $read_total)
    (local.set $total (i64.add (i64.load (i32.const 320)) (i64.load (i32.const 263))))
    (if (i64.lt_u (local.get $total) (i64.load (i32.const 263)))
      (then (call $abort (i32.const 96) (i32.const 22))))
    (i64.store (i32.const 320) (local.get $total))
    (call $store (i32.const 0) (i32.const 6) (i32.const 320) (i32.const 8))
    (call $emit_log (i32.const 16) (i32.const 5) (i32.const 263) (i32.const 8))
    (call $output (i32.const 320) (i32.const 8)))

  ;; total() -> u64. The input: 5 as u32, "total".
  (func (export "query")
    (if (i32.ne (call $input (i32.const 256) (i32.const 32)) (i32.const 9)) (then (call $refuse)))
    (if (i32.ne (i32.load (i32.const 256)) (i32.const 5)) (then (call $refuse)))
    (if (i32.ne (i32.load (i32.const 260)) (i32.const 0x61746f74)) (then (call $refuse)))
    (if (i32.ne (i32.load8_u (i32.const 264)) (i32.const 0x6c)) (then (call $refuse)))
    (call $read_total)
    (call $output (i32.const 320) (i32.const 8)))

  (@custom "aureon_interface"
    "{\"version\":1,\"name\":\"counter\",\"docs\":\"A counter in plain WebAssembly text.\",\"functions\":["
    "{\"kind\":\"call\",\"name\":\"add\",\"arguments\":[{\"name\":\"by\",\"type\":\"u64\"}],\"returns\":\"u64\",\"docs\":\"Adds to the total and gives it.\"},"
    "{\"kind\":\"query\",\"name\":\"total\",\"arguments\":[],\"returns\":\"u64\",\"docs\":\"The total.\"}],"
    "\"events\":[{\"name\":\"Added\",\"fields\":[{\"name\":\"by\",\"type\":\"u64\"}],\"docs\":\"Something was added.\"}]}"))
