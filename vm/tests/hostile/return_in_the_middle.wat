;; A function that always leaves from the middle of its blocks, called for ever.
;; expect: out of gas
(module
  (func $f (result i32) (block (block (loop (if (i32.const 1) (then (return (i32.const 1)))) (br 0)))) (i32.const 2))
  (func (export "call") (loop (br_if 0 (call $f)))))
