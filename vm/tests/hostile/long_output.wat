;; More output than there may be.
;; expect: trapped: a length given to the host is not allowed
(module (import "env" "output" (func $output (param i32 i32))) (memory (export "memory") 1)
  (func (export "call") (call $output (i32.const 0) (i32.const 16385))))
