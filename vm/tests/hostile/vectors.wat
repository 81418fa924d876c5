;; Vectors are off.
;; expect refused: SIMD support is not enabled
(module (func (export "call") (drop (v128.const i64x2 1 2))))
