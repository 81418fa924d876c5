;; A storage key at the end of the memory; tests/it/pointers.rs goes through every pointer of every host function.
;; expect: trapped: a pointer given to the host leaves the memory
(module (import "env" "store" (func $store (param i32 i32 i32 i32))) (memory (export "memory") 1)
  (func (export "call") (call $store (i32.const 65535) (i32.const 2) (i32.const 0) (i32.const 1))))
