;; The one division that overflows.
;; expect: trapped: integer overflow
(module (func (export "call") (drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))))
