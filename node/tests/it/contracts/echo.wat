;; Says what it hears: `call` and `query` give their input back, `call` tells it as an event too. The interface
;; says what that is: the function's name, and its one argument.
(module
  (import "env" "input" (func $input (param i32 i32) (result i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (import "env" "emit_log" (func $emit_log (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "Said")
  (func $heard (result i32) (call $input (i32.const 16) (i32.const 1000)))
  (func (export "deploy")
    (call $emit_log (i32.const 0) (i32.const 4) (i32.const 16) (call $heard)))
  (func (export "call")
    (local $length i32)
    (local.set $length (call $heard))
    (call $emit_log (i32.const 0) (i32.const 4) (i32.const 16) (local.get $length))
    (call $output (i32.const 16) (local.get $length)))
  (func (export "query") (call $output (i32.const 16) (call $heard)))
  (@custom "aureon_interface" "{{interface}}"))
