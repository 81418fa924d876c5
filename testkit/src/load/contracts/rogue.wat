;; Breaks off. `call` takes one byte that says how; in each case it has written before.
;;   0: an instruction that traps       1: a division by zero      2: a loop without end, until the gas is gone
;;   3: a message                       4: a pointer out of its memory
;;   5: calls itself, as deep as it may, and passes on half of the value that came: that does not fail
;;   6: asks itself to write in a query, which fails; it goes on
;; Whatever is written is told: the key, the new value, what was added.
(module
  (import "env" "input" (func $input (param i32 i32) (result i32)))
  (import "env" "self_address" (func $self_address (param i32)))
  (import "env" "value" (func $value (result i64)))
  (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "env" "store" (func $store (param i32 i32 i32 i32)))
  (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
  (import "env" "query" (func $query (param i32 i32 i32 i64) (result i32)))
  (import "env" "emit_log" (func $emit_log (param i32 i32 i32 i32)))
  (import "env" "abort" (func $abort (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "entered")
  (data (i32.const 16) "as you wish")
  ;; 64: the input, 96: this contract, 128: a value and what was added

  (func $add (param $key i32) (param $length i32) (param $number i64)
    (i64.store (i32.const 128) (i64.const 0))
    (drop (call $load (local.get $key) (local.get $length) (i32.const 128) (i32.const 8)))
    (i64.store (i32.const 128) (i64.add (i64.load (i32.const 128)) (local.get $number)))
    (i64.store (i32.const 136) (local.get $number))
    (call $store (local.get $key) (local.get $length) (i32.const 128) (i32.const 8))
    (call $emit_log (local.get $key) (local.get $length) (i32.const 128) (i32.const 16)))

  (func (export "call")
    (drop (call $input (i32.const 64) (i32.const 1)))
    (call $add (i32.const 0) (i32.const 7) (i64.const 1))
    (call $self_address (i32.const 96))
    (block $six (block $five (block $four (block $three (block $two (block $one (block $zero
      (br_table $zero $one $two $three $four $five $six (i32.load8_u (i32.const 64))))
      ;; 0
      unreachable)
      ;; 1
      (drop (i32.div_u (i32.const 1) (i32.const 0))))
      ;; 2
      (loop $again (br $again)))
      ;; 3
      (call $abort (i32.const 16) (i32.const 11)))
      ;; 4
      (call $self_address (i32.const 65530)))
      ;; 5
      (drop (call $call (i32.const 96) (i32.const 64) (i32.const 1)
        (i64.shr_u (call $value) (i64.const 1)) (i64.const -1)))
      (return))
    ;; 6
    (drop (call $query (i32.const 96) (i32.const 64) (i32.const 1) (i64.const -1))))

  (func (export "query") (call $add (i32.const 0) (i32.const 7) (i64.const 1))))
