;; As deep as functions may call each other the host still answers: it is none of them.
;; expect: done
(module (import "env" "value" (func $value (result i64))) (memory (export "memory") 1)
  (func $deep (param i32)
    (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else (drop (call $value)))))
  (func (export "call") (call $deep (i32.const 255))))
