;; Calls others. `call` takes an address (20 bytes), an amount (8), and what to say to the contract there: it is called
;; with the amount, and whether it failed is counted. Half of what came with the call goes back to the caller.
;; Whatever is written is told: the key, the new value, what was added.
(module
  (import "env" "input" (func $input (param i32 i32) (result i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (import "env" "caller" (func $caller (param i32)))
  (import "env" "value" (func $value (result i64)))
  (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "env" "store" (func $store (param i32 i32 i32 i32)))
  (import "env" "transfer" (func $transfer (param i32 i64) (result i32)))
  (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
  (import "env" "call_result" (func $call_result (param i32 i32) (result i32)))
  (import "env" "emit_log" (func $emit_log (param i32 i32 i32 i32)))
  (import "env" "abort" (func $abort (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "done")
  (data (i32.const 16) "failed")
  (data (i32.const 32) "nobody is named")
  ;; 64: the input, 128: the caller, 160: a value and what was added, 192: the answer

  (func $add (param $key i32) (param $length i32) (param $number i64)
    (i64.store (i32.const 160) (i64.const 0))
    (drop (call $load (local.get $key) (local.get $length) (i32.const 160) (i32.const 8)))
    (i64.store (i32.const 160) (i64.add (i64.load (i32.const 160)) (local.get $number)))
    (i64.store (i32.const 168) (local.get $number))
    (call $store (local.get $key) (local.get $length) (i32.const 160) (i32.const 8))
    (call $emit_log (local.get $key) (local.get $length) (i32.const 160) (i32.const 16)))

  (func (export "call")
    (local $length i32)
    (local.set $length (call $input (i32.const 64) (i32.const 64)))
    (if (i32.lt_u (local.get $length) (i32.const 28))
      (then (call $abort (i32.const 32) (i32.const 15))))
    (if (i32.eqz
          (call $call (i32.const 64) (i32.const 92) (i32.sub (local.get $length) (i32.const 28))
            (i64.load (i32.const 84)) (i64.const -1)))
      (then (call $add (i32.const 0) (i32.const 4) (i64.const 1)))
      (else (call $add (i32.const 16) (i32.const 6) (i64.const 1))))
    (call $caller (i32.const 128))
    (drop (call $transfer (i32.const 128) (i64.shr_u (call $value) (i64.const 1))))
    (drop (call $call_result (i32.const 192) (i32.const 8)))
    (call $output (i32.const 192) (i32.const 8))))
