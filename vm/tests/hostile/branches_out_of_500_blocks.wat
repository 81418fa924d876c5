;; Blocks within each other to the limit, a branch out of each, in a loop.
;; expect: out of gas
(module (func (export "call") (local i32)
  (loop {{500:block (br_if 0 (i32.const 0)) }} (br_if 250 (i32.const 1)) {{500:end }} (br 0))))
