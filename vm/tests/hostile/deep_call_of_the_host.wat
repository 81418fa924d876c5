;; A host function called through the table at the deepest place: the fault is its own, not the depth.
;; expect: trapped: a pointer given to the host leaves the memory
(module (type $t (func (param i32)))
  (import "env" "caller" (func $caller (param i32)))
  (memory (export "memory") 1) (table 1 funcref) (elem (i32.const 0) $caller)
  (func $deep (param i32)
    (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (else (call_indirect (type $t) (i32.const 65530) (i32.const 0)))))
  (func (export "call") (call $deep (i32.const 255))))
