;; A new key in each turn.
;; expect: out of gas
(module (import "env" "store" (func $store (param i32 i32 i32 i32))) (memory (export "memory") 1)
  (func (export "call") (loop
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $store (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4)) (br 0))))
