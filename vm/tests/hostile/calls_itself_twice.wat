;; Two calls in each: two to the power of the depth, were there no gas.
;; expect: out of gas
(module
  (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
  (import "env" "self_address" (func $self (param i32)))
  (memory (export "memory") 1)
  (func (export "call")
    (call $self (i32.const 0))
    (loop
      (drop (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i64.const -1)))
      (br 0))))
