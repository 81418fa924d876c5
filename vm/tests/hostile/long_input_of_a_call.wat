;; More input for another contract than there may be.
;; expect: trapped: a length given to the host is not allowed
(module (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32))) (memory (export "memory") 2)
  (func (export "call")
    (drop (call $call (i32.const 0) (i32.const 0) (i32.const 65537) (i64.const 0) (i64.const 1000)))))
