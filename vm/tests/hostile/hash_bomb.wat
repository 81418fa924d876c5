;; A megabyte hashed in each turn.
;; expect: out of gas
(module (import "env" "keccak256" (func $hash (param i32 i32 i32))) (memory (export "memory") 17)
  (func (export "call") (loop (call $hash (i32.const 0) (i32.const 1048576) (i32.const 0)) (br 0))))
