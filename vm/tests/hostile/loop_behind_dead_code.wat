;; Dead code full of loops and ends, and behind it a loop that lives.
;; expect: out of gas
(module (func (export "call")
  (block (br 0) (loop (br 0)) (block (loop (br_if 0 (i32.const 1)) (br_table 0 1 2 (i32.const 0)))) (return))
  (loop (block (br 0) {{100:block end }}) (br 0))))
