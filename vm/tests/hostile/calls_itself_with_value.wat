;; Calls itself with everything it has until the host says no; then each one ends well.
;; expect: done 0100000001000000fcffffff
(module
  (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
  (import "env" "balance" (func $balance (param i32) (result i64)))
  (import "env" "self_address" (func $self (param i32)))
  (import "env" "store" (func $store (param i32 i32 i32 i32)))
  (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "call") (local $code i32)
    (call $self (i32.const 0))
    (drop (call $load (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 4)))
    (local.set $code (call $call
      (i32.const 0) (i32.const 0) (i32.const 0) (call $balance (i32.const 0)) (i64.const -1)))
    ;; The innermost finds the depth exceeded and writes it down; all others leave it.
    (if (i32.ne (local.get $code) (i32.const 0))
      (then (i32.store (i32.const 64) (local.get $code))
            (call $store (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 4))))
    (i32.store (i32.const 100) (i32.const 1))
    (i32.store (i32.const 104) (i32.const 1))
    (drop (call $load (i32.const 0) (i32.const 1) (i32.const 108) (i32.const 4)))
    (call $output (i32.const 100) (i32.const 12))))
