;; A token in as few words as possible.
;;   deploy: 8 bytes, the supply (little-endian), which goes to who deploys
;;   call:   20 bytes, the recipient, and 8 bytes, the amount (little-endian)
;;   query:  20 bytes, an account; answers its balance in 8 bytes (little-endian)
(module
  (import "env" "input" (func $input (param i32 i32) (result i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "env" "store" (func $store (param i32 i32 i32 i32)))
  (import "env" "caller" (func $caller (param i32)))
  (import "env" "emit_log" (func $emit_log (param i32 i32 i32 i32)))
  (import "env" "abort" (func $abort (param i32 i32)))
  (memory (export "memory") 1)
  ;; 0: the input (recipient at 0, amount at 20), 32: the caller, 64: a balance
  (data (i32.const 256) "not enough tokens")
  (data (i32.const 288) "transfer")

  (func $balance (param $who i32) (result i64)
    (if (result i64)
        (i32.lt_s
          (call $load (local.get $who) (i32.const 20) (i32.const 64) (i32.const 8))
          (i32.const 0))
      (then (i64.const 0))
      (else (i64.load (i32.const 64)))))

  (func $set (param $who i32) (param $amount i64)
    (i64.store (i32.const 64) (local.get $amount))
    (call $store (local.get $who) (i32.const 20) (i32.const 64) (i32.const 8)))

  (func (export "deploy")
    (drop (call $input (i32.const 0) (i32.const 8)))
    (call $caller (i32.const 32))
    (call $set (i32.const 32) (i64.load (i32.const 0))))

  (func (export "call")
    (local $has i64)
    (local $amount i64)
    (drop (call $input (i32.const 0) (i32.const 28)))
    (call $caller (i32.const 32))
    (local.set $amount (i64.load (i32.const 20)))
    (local.set $has (call $balance (i32.const 32)))
    (if (i64.lt_u (local.get $has) (local.get $amount))
      (then (call $abort (i32.const 256) (i32.const 17))))
    (call $set (i32.const 32) (i64.sub (local.get $has) (local.get $amount)))
    (call $set (i32.const 0) (i64.add (call $balance (i32.const 0)) (local.get $amount)))
    (call $emit_log (i32.const 288) (i32.const 8) (i32.const 0) (i32.const 28))
    (call $output (i32.const 20) (i32.const 8)))

  (func (export "query")
    (drop (call $input (i32.const 0) (i32.const 20)))
    (drop (call $balance (i32.const 0)))
    (i64.store (i32.const 64) (call $balance (i32.const 0)))
    (call $output (i32.const 64) (i32.const 8))))
