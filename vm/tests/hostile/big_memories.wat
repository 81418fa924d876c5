;; 64-bit memories are off.
;; expect refused: memory64
(module (memory i64 1) (func (export "call")))
