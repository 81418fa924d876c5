;; Counts. `call` takes 8 bytes, a number: it is added to the total, so many times as FACTOR says, and one to the
;; caller's calls. 0 forgets the caller; more than 1,000 is written and then regretted.
;; Whatever is written is told: the key, the new value, what was added.
(module
  (import "env" "input" (func $input (param i32 i32) (result i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (import "env" "caller" (func $caller (param i32)))
  (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "env" "store" (func $store (param i32 i32 i32 i32)))
  (import "env" "remove" (func $remove (param i32 i32) (result i32)))
  (import "env" "emit_log" (func $emit_log (param i32 i32 i32 i32)))
  (import "env" "abort" (func $abort (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "total")
  (data (i32.const 16) "versions")
  (data (i32.const 32) "too much at once")
  ;; 64: the input, 96: the caller, 128: a value and what was added

  (func $add (param $key i32) (param $length i32) (param $number i64)
    (i64.store (i32.const 128) (i64.const 0))
    (drop (call $load (local.get $key) (local.get $length) (i32.const 128) (i32.const 8)))
    (i64.store (i32.const 128) (i64.add (i64.load (i32.const 128)) (local.get $number)))
    (i64.store (i32.const 136) (local.get $number))
    (call $store (local.get $key) (local.get $length) (i32.const 128) (i32.const 8))
    (call $emit_log (local.get $key) (local.get $length) (i32.const 128) (i32.const 16)))

  (func $count
    (drop (call $input (i32.const 64) (i32.const 8)))
    (call $add (i32.const 0) (i32.const 5) (i64.mul (i64.load (i32.const 64)) (i64.const FACTOR)))
    (call $output (i32.const 128) (i32.const 8))
    (if (i64.gt_u (i64.load (i32.const 64)) (i64.const 1000))
      (then (call $abort (i32.const 32) (i32.const 16)))))

  (func (export "deploy") (call $count))

  (func (export "call")
    (call $count)
    (call $caller (i32.const 96))
    (if (i64.ne (i64.load (i32.const 64)) (i64.const 0))
      (then (call $add (i32.const 96) (i32.const 20) (i64.const 1)) (return)))
    (if (i32.eqz (call $remove (i32.const 96) (i32.const 20)))
      (then (call $emit_log (i32.const 96) (i32.const 20) (i32.const 0) (i32.const 0)))))

  (func (export "migrate") (call $add (i32.const 16) (i32.const 8) (i64.const 1)))

  (func (export "query")
    (i64.store (i32.const 128) (i64.const 0))
    (drop (call $load (i32.const 0) (i32.const 5) (i32.const 128) (i32.const 8)))
    (call $output (i32.const 128) (i32.const 8))))
