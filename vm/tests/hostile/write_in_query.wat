;; A question that writes.
;; entry: query
;; expect: trapped: a query may not change anything
(module (import "env" "store" (func $store (param i32 i32 i32 i32))) (memory (export "memory") 1)
  (func (export "query") (call $store (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 1))))
